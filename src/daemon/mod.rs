//! Collect, inspect, commit, deliver, supervise; the socket.
