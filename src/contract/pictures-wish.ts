/** Who may draw the pictures of a set that none are given for; `auto`: the faster one. */
export const picturesWishes = ['auto', 'host', 'sidecar'] as const;
export type PicturesWish = (typeof picturesWishes)[number];

/** The web UI, with its own samplers, or the training process, with those of this program. */
export type PicturesBy = Exclude<PicturesWish, 'auto'>;
