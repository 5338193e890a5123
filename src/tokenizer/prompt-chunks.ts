import type { ClipTokenizer } from './clip-tokenizer.ts';
import { parseEmphasis } from './parse-emphasis.ts';
import { promptText } from './prompt-text.ts';
import { type ChunkFrame, clipTokenizerConfig } from './tokenizer-config.ts';

/** A word is moved to the next chunk whole, with all since a comma at most this many tokens back. */
const COMMA_BACKTRACK_TOKENS = 20;

/** One input of the text encoder. */
export interface PromptChunk {
  /** int64 [77], or the frame's length: start, up to 75 tokens, end, padding. */
  ids: number[];
  /** As many: the weight of each id, 1 where nothing is emphasised. See `applyEmphasis`. */
  weights: number[];
}

export interface ChunkOptions {
  /** @default that of SD 1.x */
  frame?: ChunkFrame;
  /** Whether brackets, tags and `BREAK` have a meaning (true), or are text, as in a caption (false). */
  emphasis?: boolean;
}

/**
 * Cuts a prompt of any length, without what `promptText` leaves out, into inputs for the text encoder as AUTOMATIC1111 does
 * (`tokenize_line` in modules/sd_hijack_clip.py of stable-diffusion-webui 1.10): chunks of 75
 * tokens; when a chunk is full and a comma lies among its last 20 tokens, what follows the comma
 * goes into the next chunk; `BREAK` starts a new chunk. The hosts encode each chunk on its own and
 * lay the results end to end.
 *
 * @returns at least one chunk; a prompt that fits into 77 ids gives exactly one.
 */
export function chunkPrompt(
  prompt: string,
  tokenizer: ClipTokenizer,
  { frame = clipTokenizerConfig, emphasis = true }: ChunkOptions = {},
): PromptChunk[] {
  const splitter = new ChunkSplitter(frame.length - 2, tokenizer.commaId);
  const segments = emphasis
    ? parseEmphasis(promptText(prompt))
    : [{ kind: 'text' as const, text: prompt, weight: 1 }];
  for (const segment of segments) {
    if (segment.kind === 'break') splitter.endChunk();
    else {
      for (const id of tokenizer.encode(segment.text)) {
        splitter.makeRoom(tokenizer.wholeFrom?.(id) ?? 1);
        splitter.add(id, segment.weight);
      }
    }
  }
  return splitter.finish().map((tokens) => frameChunk(tokens, frame));
}

/**
 * Appends chunks of the empty prompt until there are `count`, so that a prompt and its negative
 * prompt give contexts of one length.
 */
export function padChunks(
  chunks: PromptChunk[],
  count: number,
  frame: ChunkFrame = clipTokenizerConfig,
): PromptChunk[] {
  const missing = Math.max(0, count - chunks.length);
  return [...chunks, ...Array.from({ length: missing }, () => frameChunk([], frame))];
}

interface WeightedToken {
  id: number;
  weight: number;
}

class ChunkSplitter {
  private readonly chunks: WeightedToken[][] = [];
  private current: WeightedToken[] = [];
  /** Tokens that a chunk holds. */
  private readonly capacity: number;
  private readonly commaId: number | undefined;

  constructor(capacity: number, commaId: number | undefined) {
    this.capacity = capacity;
    this.commaId = commaId;
  }

  add(id: number, weight: number): void {
    if (this.current.length === this.capacity) {
      const carried = id === this.commaId ? [] : this.takeAfterLastComma();
      this.endChunk();
      this.current = carried;
    }
    this.current.push({ id, weight });
  }

  /** Begins a chunk where a word of several tokens does not fit into this one. */
  makeRoom(count: number): void {
    if (count > 1 && this.current.length + count > this.capacity) this.endChunk();
  }

  endChunk(): void {
    this.chunks.push(this.current);
    this.current = [];
  }

  finish(): WeightedToken[][] {
    if (this.current.length > 0 || this.chunks.length === 0) this.endChunk();
    return this.chunks;
  }

  /** Removes and returns what follows the last comma, if that comma is near enough. */
  private takeAfterLastComma(): WeightedToken[] {
    const comma = this.current.findLastIndex((token) => token.id === this.commaId);
    if (comma < Math.max(0, this.capacity - COMMA_BACKTRACK_TOKENS)) return [];
    return this.current.splice(comma + 1);
  }
}

function frameChunk(tokens: WeightedToken[], frame: ChunkFrame): PromptChunk {
  const { startId, endId, padId, length } = frame;
  const padding = length - 2 - tokens.length;
  return {
    ids: [startId, ...tokens.map(({ id }) => id), endId, ...Array<number>(padding).fill(padId)],
    weights: [1, ...tokens.map(({ weight }) => weight), 1, ...Array<number>(padding).fill(1)],
  };
}
