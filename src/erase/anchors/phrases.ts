import type { Language } from './lexicon.ts';
import type { Word } from './words.ts';

/**
 * What a phrase does in a prompt: `medium` "a photo", `subject` "of a heart", `style` "by Monet",
 * `attribute` "with a hat", "smoking a pipe", `place` "on a beach", `quality` "best quality".
 */
export type Role = 'medium' | 'subject' | 'style' | 'attribute' | 'place' | 'quality';

/** A word and what it does in its phrase: a `lead` joins the phrase to what stands before it. */
export interface PhraseWord extends Word {
  readonly part: 'lead' | 'article' | 'modifier' | 'head';
}

export interface Phrase {
  readonly role: Role;
  readonly words: readonly PhraseWord[];
}

/** What stands between two commas. */
export interface Segment {
  /** The comma before it, with its spaces. */
  readonly separator: string;
  readonly phrases: readonly Phrase[];
  /** Brackets and weights behind its last word. */
  readonly tail: string;
}

export interface ParsedPrompt {
  readonly prompt: string;
  readonly language: Language;
  readonly segments: readonly Segment[];
}
