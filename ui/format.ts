/** `0.0421`, three significant digits; a loss that went beyond all numbers comes as null. */
export function formatLoss(value: number | null): string {
  return value === null ? '∞' : value.toPrecision(3);
}

/** `94 %`. */
export function formatShare(share: number): string {
  return `${Math.round(100 * share)} %`;
}
