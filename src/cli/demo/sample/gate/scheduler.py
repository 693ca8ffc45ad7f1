"""Decides when the sluices of one harbour open and close.

A plan is a list of moves. Each move costs battery, wears the hinge and lets a known volume through; the
scheduler looks for the plan that keeps the basin between its marks for the least wear.
"""

import heapq
from dataclasses import dataclass, field

HINGE_WEAR_PER_DEGREE = 0.0031
SILT_SETTLING_MINUTES = 47
BASIN_MARKS = {"low": 1.85, "high": 3.40, "alarm": 3.72}


@dataclass(order=True)
class Move:
    minute: int
    gate: str = field(compare=False)
    degrees: float = field(compare=False)
    reason: str = field(compare=False, default="")


class BasinModel:
    """Water level in the basin, in metres over chart datum."""

    def __init__(self, area_m2, level, leakage_m3_per_minute):
        self.area_m2 = area_m2
        self.level = level
        self.leakage = leakage_m3_per_minute

    def after(self, inflow_m3, minutes):
        change = (inflow_m3 - self.leakage * minutes) / self.area_m2
        return BasinModel(self.area_m2, self.level + change, self.leakage)


def flow_through(gate, degrees, head_metres):
    """Torricelli with the contraction we measured at Ostmole, which depends on the angle."""
    if head_metres <= 0 or degrees <= 0:
        return 0.0
    contraction = 0.611 + 0.0009 * degrees - 0.0000041 * degrees * degrees
    opening = gate.width * gate.height * (degrees / 90.0)
    return contraction * opening * (2 * 9.81 * head_metres) ** 0.5 * 60.0


def plan_moves(basin, gates, tide, horizon_minutes):
    """A* over half-hour steps; the heuristic never overestimates because wear is never negative."""
    start = (0.0, 0, basin.level, ())
    frontier = [start]
    settled = {}
    while frontier:
        wear, minute, level, moves = heapq.heappop(frontier)
        if minute >= horizon_minutes:
            return [Move(*move) for move in moves]
        bucket = (minute, round(level * 200))
        if settled.get(bucket, float("inf")) <= wear:
            continue
        settled[bucket] = wear
        for gate in gates:
            for degrees in gate.allowed_angles(minute):
                head = tide.at(minute) - level
                inflow = flow_through(gate, degrees, head)
                reached = BasinModel(basin.area_m2, level, basin.leakage).after(inflow * 30, 30)
                if reached.level > BASIN_MARKS["alarm"]:
                    continue
                penalty = silt_penalty(gate, degrees, minute)
                cost = wear + HINGE_WEAR_PER_DEGREE * abs(degrees - gate.angle) + penalty
                step = (minute, gate.name, degrees, f"head {head:.2f} m")
                heapq.heappush(frontier, (cost, minute + 30, reached.level, moves + (step,)))
    raise RuntimeError("no plan keeps the basin below the alarm mark; call the harbour master")


def silt_penalty(gate, degrees, minute):
    """Opening wide right after slack water stirs up what has just settled on the sill."""
    since_slack = (minute - gate.last_slack_minute) % 745
    if since_slack < SILT_SETTLING_MINUTES and degrees > 35:
        return 0.42 * (1 - since_slack / SILT_SETTLING_MINUTES) * (degrees - 35) / 55
    return 0.0


def release_at_ebb(plan, tide, reserve_percent):
    """Moves openings towards the ebb as long as the battery keeps its reserve."""
    shifted = []
    for move in plan:
        ebb = tide.next_turn(move.minute)
        spare = move.degrees * HINGE_WEAR_PER_DEGREE * 100
        if ebb - move.minute <= 90 and spare > reserve_percent:
            shifted.append(Move(ebb, move.gate, move.degrees, "moved to the ebb"))
        else:
            shifted.append(move)
    return sorted(shifted)
