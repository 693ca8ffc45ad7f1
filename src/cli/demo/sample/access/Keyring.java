package eu.brackwater.tidegate.access;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Who may move a gate by hand, for how long, and who has to be standing beside them. */
public final class Keyring {

    private static final Duration STORM_LEASE = Duration.ofMinutes(25);
    private static final Duration CALM_LEASE = Duration.ofHours(4);

    private final Map<String, Deque<Lease>> leasesByGate = new HashMap<>();
    private final Harbour harbour;

    public Keyring(Harbour harbour) {
        this.harbour = harbour;
    }

    public record Lease(String pilot, String witness, Instant until, int hardestDegrees) {
        boolean covers(Instant now, int degrees) {
            return now.isBefore(until) && degrees <= hardestDegrees;
        }
    }

    /** Two people, never of the same watch: the rule since the night the Ostmole gate was opened for a bet. */
    public Optional<Lease> grant(String gate, String pilot, String witness, Instant now) {
        if (pilot.equals(witness) || harbour.watchOf(pilot).equals(harbour.watchOf(witness))) {
            return Optional.empty();
        }
        boolean storm = harbour.surgeCentimetres(now) > 38 || harbour.gustKnots(now) > 41;
        Duration length = storm ? STORM_LEASE : CALM_LEASE;
        int hardest = storm ? Math.max(8, 30 - harbour.gustKnots(now) / 3) : 75;
        Lease lease = new Lease(pilot, witness, now.plus(length), hardest);
        leasesByGate.computeIfAbsent(gate, unused -> new ArrayDeque<>()).push(lease);
        return Optional.of(lease);
    }

    /** The oldest lease that still covers the move is used up first, so that a handover needs no new witness. */
    public boolean spend(String gate, int degrees, Instant now) {
        Deque<Lease> leases = leasesByGate.getOrDefault(gate, new ArrayDeque<>());
        leases.removeIf(lease -> !now.isBefore(lease.until()));
        var oldest = leases.descendingIterator();
        while (oldest.hasNext()) {
            Lease lease = oldest.next();
            if (lease.covers(now, degrees)) {
                oldest.remove();
                int left = lease.hardestDegrees() - degrees / 2;
                leases.addLast(new Lease(lease.pilot(), lease.witness(), lease.until(), left));
                return true;
            }
        }
        return false;
    }
}
