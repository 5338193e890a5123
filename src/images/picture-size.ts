/** Width and height, in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** How a picture of a bucket was made of another one: scaled to cover it, what sticks out cut off evenly. */
export interface Framing {
  /** The picture's own size, upright. */
  readonly original: PictureSize;
  /** What was cut off before the first row and the first column, in pixels of the scaled picture. */
  readonly top: number;
  readonly left: number;
}
