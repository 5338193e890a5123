/** `0.0421`, four significant digits, as losses are compared. */
export function formatLoss(value: number): string {
  return value.toPrecision(3);
}

/** `94 %`. */
export function formatShare(share: number): string {
  return `${Math.round(100 * share)} %`;
}
