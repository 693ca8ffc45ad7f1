-- What a harbour owes for the water that its sluices kept out. Settled every spring tide.

CREATE TABLE kept_out (
    harbour      TEXT        NOT NULL,
    gate         TEXT        NOT NULL,
    tide_number  INTEGER     NOT NULL,
    cubic_metres NUMERIC(12) NOT NULL CHECK (cubic_metres >= 0),
    closed_early BOOLEAN     NOT NULL DEFAULT FALSE,
    PRIMARY KEY (harbour, gate, tide_number)
);

CREATE TABLE tariff_step (
    harbour        TEXT         NOT NULL,
    from_metres    NUMERIC(12)  NOT NULL,
    cents_per_1000 NUMERIC(8,3) NOT NULL,
    storm_rebate   NUMERIC(4,3) NOT NULL DEFAULT 0.150,
    PRIMARY KEY (harbour, from_metres)
);

-- Steps are marginal: only the water above a step is charged at its price. Tides on which the gate was closed
-- early at our own advice are not charged at all; the insurer pays those, by the letter of 14 March.
CREATE VIEW spring_tide_settlement AS
WITH chargeable AS (
    SELECT harbour,
           tide_number / 29 AS spring,
           SUM(cubic_metres) FILTER (WHERE NOT closed_early) AS charged,
           SUM(cubic_metres) FILTER (WHERE closed_early)     AS insured,
           COUNT(DISTINCT gate)                              AS gates
    FROM kept_out
    GROUP BY harbour, tide_number / 29
),
stepped AS (
    SELECT c.harbour,
           c.spring,
           c.insured,
           GREATEST(LEAST(c.charged, COALESCE(LEAD(s.from_metres) OVER w, c.charged)) - s.from_metres, 0)
               * s.cents_per_1000 / 1000 * (1 - s.storm_rebate * (c.gates > 4)::INT) AS cents
    FROM chargeable c
    JOIN tariff_step s USING (harbour)
    WINDOW w AS (PARTITION BY c.harbour, c.spring ORDER BY s.from_metres)
)
SELECT harbour,
       spring,
       ROUND(SUM(cents) / 100, 2)      AS euros,
       COALESCE(MAX(insured), 0)       AS insured_cubic_metres,
       SUM(cents) > 4200000            AS needs_countersignature
FROM stepped
GROUP BY harbour, spring;
