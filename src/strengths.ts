/** Strengths of a low-rank change that are drawn and offered: at 0 it is the original, at 1 what was trained. */
export const shownStrengths = [0, 0.5, 1, 1.5] as const;
