"""A real mail server (aiosmtpd) on loopback for checking how notices are delivered.

    server.py FOLDER --tls PORT --starttls PORT --plain PORT [--mode MODE] [--login USER:PASSWORD]

Listens on the ports given (0 takes a free one), with a certificate from FOLDER/server.pem and
FOLDER/server.key (made by `certificates.sh`; --plain alone needs none). Every mail that was accepted is put into FOLDER/mails as
NUMBER-RECIPIENT.eml, the envelope as the headers X-Envelope-From and X-Envelope-To before it. Once it
listens, FOLDER/ports holds one line a listener: `tls 127.0.0.1 40123`.

FOLDER/mode is read before every answer, so that a running server can change its ways; --mode sets it first:
    good            takes every mail
    refuse ADDRESS  550 to that recipient, all others are served
    busy ADDRESS    451 to that recipient
    slow SECONDS    waits so long before the answer to a mail
    close           closes the connection when a mail has arrived, without an answer and without keeping it
    lost            keeps the mail, then closes the connection without an answer: the sender must repeat it
    down            closes every connection when a mail is announced
"""

import argparse
import asyncio
import pathlib
import re
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    """Decides about every command by the mode of the moment, and keeps what it accepts."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        (folder / "mails").mkdir(exist_ok=True)

    def mode(self):
        words = (self.folder / "mode").read_text().split()
        return words[0], (words[1] if len(words) > 1 else "")

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.mode()[0] == "down":
            server.transport.abort()
            return "421 going down"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        verb, argument = self.mode()
        if argument == address and verb == "refuse":
            return "550 5.1.1 no such user here"
        if argument == address and verb == "busy":
            return "451 4.2.1 mailbox busy, try again later"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        verb, argument = self.mode()
        if verb == "slow":
            await asyncio.sleep(float(argument))
        if verb != "close":
            self.keep(envelope)
        if verb in ("close", "lost"):
            server.transport.abort()
        return "250 kept"

    def keep(self, envelope):
        self.count += 1
        recipients = ", ".join(envelope.rcpt_tos)
        name = re.sub(r"[^A-Za-z0-9@.]+", "_", recipients)[:80]
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {recipients}\r\n"
        target = self.folder / "mails" / f"{self.count:04}-{name}.eml"
        unfinished = target.with_suffix(".new")
        unfinished.write_bytes(head.encode() + envelope.original_content)
        unfinished.rename(target)


def authenticator(login):
    user, _, password = login.partition(":")

    def authenticate(server, session, envelope, mechanism, data):
        good = data.login == user.encode() and data.password == password.encode()
        return AuthResult(success=good, handled=False)

    return authenticate


async def serve(arguments):
    folder = arguments.folder
    mode = folder / "mode"
    if arguments.mode or not mode.exists():
        mode.write_text(arguments.mode or "good")
    keeper = Keeper(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if arguments.tls is not None or arguments.starttls is not None:
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
    common = {"enable_SMTPUTF8": True, "timeout": 60}
    if arguments.login:
        common |= {"authenticator": authenticator(arguments.login), "auth_required": True}
    loop = asyncio.get_running_loop()
    kinds = {
        "tls": (arguments.tls, context, {"auth_require_tls": False}),
        "starttls": (arguments.starttls, None, {"tls_context": context, "require_starttls": True}),
        "plain": (arguments.plain, None, {"auth_require_tls": False}),
    }
    lines = []
    listeners = []
    for kind, (port, wrapped, more) in kinds.items():
        if port is None:
            continue
        make = lambda more=more: SMTP(keeper, loop=loop, **common, **more)
        listener = await loop.create_server(make, "127.0.0.1", port, ssl=wrapped)
        listeners.append(listener)
        lines.append(f"{kind} 127.0.0.1 {listener.sockets[0].getsockname()[1]}\n")
    unfinished = folder / "ports.new"
    unfinished.write_text("".join(lines))
    unfinished.rename(folder / "ports")
    await asyncio.gather(*(listener.serve_forever() for listener in listeners))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    for kind in ("tls", "starttls", "plain"):
        parser.add_argument(f"--{kind}", type=int, metavar="PORT")
    parser.add_argument("--mode")
    parser.add_argument("--login", metavar="USER:PASSWORD")
    try:
        asyncio.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
