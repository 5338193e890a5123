import sharp, { type OverlayOptions } from 'sharp';

import { openCheckpoint } from '../../../src/families/checkpoint.ts';
import { toRgbBytes } from '../../../src/images/pixels.ts';
import { drawPictures } from '../../../src/pipeline/text-to-image.ts';
import { type Asked, drawing } from './look.ts';

/** A PNG of pictures of a model, so many a row. */
export async function drawGrid(
  model: string,
  asked: readonly Asked[],
  { columns, zoom }: { readonly columns: number; readonly zoom: number },
): Promise<Buffer> {
  const checkpoint = await openCheckpoint(model);
  const side = checkpoint.facts.nativeSize;
  const cells: OverlayOptions[] = [];
  await drawPictures(
    checkpoint,
    asked.map((one) => ({ ...one, negativePrompt: '' })),
    { ...drawing, width: side, height: side },
    async (image) => {
      const raw = { width: side, height: side, channels: 3 as const };
      const input = await sharp(toRgbBytes(image), { raw })
        .resize(side * zoom, side * zoom, { kernel: 'nearest' })
        .png()
        .toBuffer();
      const at = cells.length;
      cells.push({
        input,
        left: (at % columns) * (side * zoom + 2),
        top: Math.floor(at / columns) * (side * zoom + 2),
      });
    },
  );
  await checkpoint.close();
  const rows = Math.ceil(asked.length / columns);
  const [width, height] = [columns, rows].map((count) => count * (side * zoom + 2) - 2);
  return sharp({
    create: { width: width ?? 1, height: height ?? 1, channels: 3, background: '#888' },
  })
    .composite(cells)
    .png({ palette: true })
    .toBuffer();
}

/** A point of a plot. */
export interface Point {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** What a plot says of its axes. */
export interface Axes {
  readonly x: string;
  readonly y: string;
}

const plot = { width: 640, height: 420, left: 60, top: 20, right: 150, bottom: 46 } as const;

/** A PNG with each point and its name; of points that no other beats in both, the line through them. Less is better. */
export function drawPareto(points: readonly Point[], axes: Axes): Promise<Buffer> {
  const best = points
    .filter((one) =>
      points.every(
        (other) => other === one || other.x > one.x || other.y > one.y || isSame(other, one),
      ),
    )
    .sort((a, b) => a.x - b.x);
  const most = (of: (point: Point) => number) => Math.max(...points.map(of)) * 1.1 || 1;
  const [mostX, mostY] = [most(({ x }) => x), most(({ y }) => y)];
  const left = (x: number) => plot.left + (x / mostX) * (plot.width - plot.left - plot.right);
  const top = (y: number) =>
    plot.height - plot.bottom - (y / mostY) * (plot.height - plot.top - plot.bottom);
  const dots = points.map(
    ({ name, x, y }) =>
      `<circle cx="${left(x)}" cy="${top(y)}" r="4" fill="#2458a6"/><text x="${left(x) + 7}" y="${top(y) + 4}">${escape(name)}</text>`,
  );
  const line = best.map(({ x, y }) => `${left(x)},${top(y)}`).join(' ');
  const ticks = [0, 0.5, 1].map((share) => {
    const [x, y] = [share * mostX, share * mostY];
    return `<text x="${left(x)}" y="${plot.height - plot.bottom + 16}" text-anchor="middle">${x.toPrecision(2)}</text><text x="${plot.left - 6}" y="${top(y) + 4}" text-anchor="end">${y.toPrecision(2)}</text>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${plot.width}" height="${plot.height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<path d="M${plot.left} ${plot.top}V${plot.height - plot.bottom}H${plot.width - plot.right}" fill="none" stroke="black"/>
<polyline points="${line}" fill="none" stroke="#2458a6" stroke-dasharray="4 3"/>
${dots.join('\n')}${ticks.join('\n')}
<text x="${plot.left}" y="${plot.height - 8}">${escape(axes.x)}</text>
<text x="14" y="${plot.height - plot.bottom}" transform="rotate(-90 14 ${plot.height - plot.bottom})">${escape(axes.y)}</text>
</svg>`;
  return sharp(Buffer.from(svg)).png({ palette: true }).toBuffer();
}

function isSame(a: Point, b: Point): boolean {
  return a.x === b.x && a.y === b.y;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
