/** How hard an attack tries where nobody says: steps of learning, and pictures of each point of a curve. */
export const attackDefaults = { steps: 50, count: 16 } as const;
