import { fileURLToPath } from 'node:url';

import sharp, { type OverlayOptions } from 'sharp';

import { type PixelImage, toRgbBytes } from './pixels.ts';

/** Pictures drawn from one prompt, one for each column. */
export interface ContactSheetRow {
  label: string;
  images: PixelImage[];
}

export interface ContactSheetContent {
  /** One for each column of pictures, like `before` and `after`. */
  columnTitles: string[];
  rows: ContactSheetRow[];
}

const LABEL_WIDTH = 240;
const TITLE_HEIGHT = 40;
const GAP = 12;
/** Pictures smaller than this are enlarged by a whole factor, so that their pixels stay visible. */
const MIN_CELL = 192;
/** Three or four lines beside a cell. */
const MAX_LABEL_CHARACTERS = 140;

/** Drawn with our own font, since a server may have none; other scripts fall back to its fonts. */
const FONT = 'Erase Concept Sheet Sans';
const FONT_FILE = fileURLToPath(new URL('./fonts/sheet-sans.ttf', import.meta.url));

/**
 * One PNG that shows pictures side by side: a row for each prompt, its text at the left, a column
 * for each title.
 * @throws RangeError when a row has not one picture for each column
 */
export async function buildContactSheet({
  columnTitles,
  rows,
}: ContactSheetContent): Promise<Buffer> {
  const odd = rows.find((row) => row.images.length !== columnTitles.length);
  if (odd) {
    throw new RangeError(
      `row "${odd.label}" has ${odd.images.length} pictures for ${columnTitles.length} columns`,
    );
  }
  const cell = cellSize(rows);
  const columnLeft = (column: number): number => GAP + LABEL_WIDTH + column * (cell + GAP);
  const rowTop = (row: number): number => TITLE_HEIGHT + row * (cell + GAP);

  const titles = columnTitles.map((title, column) =>
    drawText(title, { left: columnLeft(column), top: GAP, width: cell, height: TITLE_HEIGHT }),
  );
  const labels = rows.map(({ label }, row) =>
    drawText(label, { left: GAP, top: rowTop(row), width: LABEL_WIDTH - GAP, height: cell }),
  );
  const pictures = rows.flatMap(({ images }, row) =>
    images.map((image, column) => drawImage(image, cell, columnLeft(column), rowTop(row))),
  );
  const layers = await Promise.all([...titles, ...labels, ...pictures]);
  return sharp({
    create: {
      width: columnLeft(columnTitles.length),
      height: rowTop(rows.length),
      channels: 3,
      background: '#ffffff',
    },
  })
    .composite(layers.flat())
    .png()
    .toBuffer();
}

/** The largest side of any picture, or a whole multiple of it. */
function cellSize(rows: ContactSheetRow[]): number {
  const sides = rows.flatMap(({ images }) =>
    images.flatMap(({ width, height }) => [width, height]),
  );
  const largest = sides.reduce((most, side) => Math.max(most, side), 1);
  return largest * Math.ceil(MIN_CELL / largest);
}

async function drawImage(
  image: PixelImage,
  cell: number,
  left: number,
  top: number,
): Promise<OverlayOptions[]> {
  const { width, height } = image;
  const input = await sharp(toRgbBytes(image), { raw: { width, height, channels: 3 } })
    .resize(cell, cell, { fit: 'contain', kernel: 'nearest', background: '#ffffff' })
    .png()
    .toBuffer();
  return [{ input, left, top }];
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Text at the top left of a box, wrapped at its width; what does not fit is cut off. */
async function drawText(
  text: string,
  { left, top, width, height }: Box,
): Promise<OverlayOptions[]> {
  const shown = abbreviate(text.trim());
  if (shown === '') return [];
  const input = await sharp({
    text: {
      text: escapeMarkup(shown),
      font: `${FONT} 12`,
      fontfile: FONT_FILE,
      dpi: 96,
      rgba: true,
      width,
      wrap: 'word-char',
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  // Pango's width is a wish: one wide character may stick out.
  const fitted = await sharp(input.data)
    .extract({
      left: 0,
      top: 0,
      width: Math.min(width, input.info.width),
      height: Math.min(height, input.info.height),
    })
    .toBuffer();
  return [{ input: fitted, left, top }];
}

function abbreviate(text: string): string {
  const characters = Array.from(text);
  if (characters.length <= MAX_LABEL_CHARACTERS) return text;
  return `${characters.slice(0, MAX_LABEL_CHARACTERS - 1).join('')}…`;
}

/** The text is Pango markup, where these three begin something else. Control characters are errors. */
function escapeMarkup(text: string): string {
  return text
    .replace(/\p{Cc}|\p{Cs}/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
