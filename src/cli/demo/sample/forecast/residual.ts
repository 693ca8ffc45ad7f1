// The surge: what the water does beyond the astronomical tide, learned from the last fortnight.

import { TideTable } from "./tables";

export interface Reading {
  readonly at: number; // seconds since 1970
  readonly level: number; // metres over chart datum
  readonly windTowardsShore: number; // metres a second
  readonly pressure: number; // hectopascal
}

export interface Surge {
  readonly metres: number;
  readonly spread: number;
  readonly trustedReadings: number;
}

const INVERSE_BAROMETER = 0.00993;
const FETCH_KILOMETRES = 212;
const FORGET_PER_HOUR = 0.965;

/** Readings that the float's guard tube has smoothed into nonsense are recognised by their evenness. */
export function withoutStuckFloats(readings: readonly Reading[]): Reading[] {
  const kept: Reading[] = [];
  let sameFor = 0;
  for (const reading of readings) {
    const before = kept[kept.length - 1];
    sameFor = before && Math.abs(before.level - reading.level) < 0.0004 ? sameFor + 1 : 0;
    if (sameFor < 9) {
      kept.push(reading);
    } else if (sameFor === 9) {
      kept.splice(kept.length - 8, 8);
    }
  }
  return kept;
}

function windSetup(reading: Reading, depth: number): number {
  const drag = 0.00063 + 0.000066 * Math.min(reading.windTowardsShore, 31);
  const stress = 1.22 * drag * reading.windTowardsShore ** 2;
  return (stress * FETCH_KILOMETRES * 1000) / (1027 * 9.81 * depth);
}

/** Weighted residual of the newest readings, the older the lighter, each freed of wind and pressure. */
export function estimateSurge(table: TideTable, readings: readonly Reading[], depth: number): Surge {
  const usable = withoutStuckFloats(readings);
  const newest = usable[usable.length - 1];
  if (!newest) {
    return { metres: 0, spread: Number.POSITIVE_INFINITY, trustedReadings: 0 };
  }
  let weights = 0;
  let sum = 0;
  let squares = 0;
  for (const reading of usable) {
    const age = (newest.at - reading.at) / 3600;
    const weight = FORGET_PER_HOUR ** age;
    const barometric = (1013.25 - reading.pressure) * INVERSE_BAROMETER;
    const residual = reading.level - table.at(reading.at) - barometric - windSetup(reading, depth);
    weights += weight;
    sum += weight * residual;
    squares += weight * residual * residual;
  }
  const mean = sum / weights;
  const spread = Math.sqrt(Math.max(squares / weights - mean * mean, 0.0001));
  return { metres: mean, spread, trustedReadings: usable.length };
}

/** The latest moment at which closing still keeps the quay dry with one chance in a thousand against it. */
export function lastSafeClosing(table: TideTable, surge: Surge, quay: number, from: number): number | null {
  const margin = 3.09 * surge.spread;
  for (let at = from; at < from + 36 * 3600; at += 300) {
    if (table.at(at) + surge.metres + margin >= quay) {
      return at - 22 * 60; // a gate takes 22 minutes from the word to the sill
    }
  }
  return null;
}
