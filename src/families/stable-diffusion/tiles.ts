/** Numbers on a grid: float32 [channels, height, width]. */
export interface Grid {
  readonly data: Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Sides of a tile, and how far neighbours lie over each other at least, in cells. */
export interface TileSize {
  readonly height: number;
  readonly width: number;
  readonly overlap: number;
}

/** How many places of the grid that goes in and of the one that comes out a cell has along a side. */
export interface CellScale {
  readonly input: number;
  readonly output: number;
}

/**
 * What `run` makes of a grid, in tiles that fade into each other over their overlap: each place is the
 * mean of what the tiles over it give, each counting less towards its own inner edges.
 *
 * @param run makes of a tile [channels, height·input, width·input] one of
 *   [its channels, height·output, width·output]
 */
export async function inTiles(
  input: Grid,
  { tile, scale }: { readonly tile: TileSize; readonly scale: CellScale },
  run: (tile: Grid) => Promise<Grid>,
): Promise<Grid> {
  const cells = { height: input.height / scale.input, width: input.width / scale.input };
  const outer = { height: cells.height * scale.output, width: cells.width * scale.output };
  const rows = spread(cells.height, tile.height, tile.overlap);
  const columns = spread(cells.width, tile.width, tile.overlap);
  const totals = new Float32Array(outer.height * outer.width);
  let sums: Float32Array | null = null;
  let channels = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = { row: row * scale.input, column: column * scale.input };
      const size = { height: tile.height * scale.input, width: tile.width * scale.input };
      const made = await run(cut(input, from, size));
      channels = made.channels;
      sums ??= new Float32Array(channels * totals.length);
      const place = { row: row * scale.output, column: column * scale.output };
      addTile(sums, totals, { made, place, outer, fade: tile.overlap * scale.output });
    }
  }
  const data = sums ?? new Float32Array(0);
  for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) / (totals[i % totals.length] ?? 1);
  return { data, channels, ...outer };
}

/** Where tiles begin that cover `length` cells with as few as the overlap allows, evenly spread. */
export function spread(length: number, tile: number, overlap: number): number[] {
  if (length <= tile) return [0];
  const count = Math.ceil((length - overlap) / (tile - overlap));
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - tile)) / (count - 1)));
}

interface Place {
  readonly row: number;
  readonly column: number;
}

interface Extent {
  readonly height: number;
  readonly width: number;
}

function cut({ data, channels, height, width }: Grid, from: Place, size: Extent): Grid {
  const part = new Float32Array(channels * size.height * size.width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < size.height; y++) {
      const start = (c * height + from.row + y) * width + from.column;
      part.set(data.subarray(start, start + size.width), (c * size.height + y) * size.width);
    }
  }
  return { data: part, channels, ...size };
}

interface PlacedTile {
  readonly made: Grid;
  readonly place: Place;
  /** Of all tiles together. */
  readonly outer: Extent;
  /** Over how many places a tile fades out. */
  readonly fade: number;
}

/** Adds a tile times its weights to the sums, and the weights to the totals. */
function addTile(
  sums: Float32Array,
  totals: Float32Array,
  { made, place, outer, fade }: PlacedTile,
): void {
  const down = weights({ from: place.row, length: made.height, all: outer.height, fade });
  const across = weights({ from: place.column, length: made.width, all: outer.width, fade });
  const plane = outer.height * outer.width;
  for (let y = 0; y < made.height; y++) {
    for (let x = 0; x < made.width; x++) {
      const weight = (down[y] ?? 0) * (across[x] ?? 0);
      const at = (place.row + y) * outer.width + place.column + x;
      totals[at] = (totals[at] ?? 0) + weight;
      for (let c = 0; c < made.channels; c++) {
        const value = made.data[(c * made.height + y) * made.width + x] ?? 0;
        sums[c * plane + at] = (sums[c * plane + at] ?? 0) + weight * value;
      }
    }
  }
}

/** How much each place along a side of a tile counts: less towards an edge that has a neighbour. */
function weights({
  from,
  length,
  all,
  fade,
}: {
  readonly from: number;
  readonly length: number;
  readonly all: number;
  readonly fade: number;
}): Float32Array {
  const hasBefore = from > 0;
  const hasAfter = from + length < all;
  return Float32Array.from({ length }, (_, i) =>
    Math.min(1, hasBefore ? (i + 0.5) / fade : 1, hasAfter ? (length - i - 0.5) / fade : 1),
  );
}
