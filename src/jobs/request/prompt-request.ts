import type { PromptStyle } from '../../drawing/prompt-style.ts';
import type { EraseJob } from '../../erase/job.ts';
import type { AnnouncedConcept } from '../../erase/read-concepts.ts';

/** What a person says of the two sets. */
export interface PromptRequest {
  /** Each a prompt, or `prompt => anchor`. */
  readonly forget: readonly string[];
  readonly forgetImages: string | undefined;
  readonly retain: readonly string[];
  readonly retainImages: string | undefined;
  readonly anchor: string | undefined;
  readonly concept: string | undefined;
  /** Further wordings to measure by, each a prompt or `prompt => anchor`. Default: those of the preset. */
  readonly heldBack?: readonly string[];
  /** Several things to forget, each with prompts of its own, in the place of `forget`. */
  readonly concepts?: readonly AnnouncedConcept[];
  /** How the model is asked, which what nobody says follows. Default: sentences. */
  readonly style?: PromptStyle;
  /** Names of learned words that are to be forgotten. */
  readonly learned?: readonly string[];
  /** Of pictures that are in no folder yet. */
  readonly captions?: { readonly forget: readonly string[]; readonly retain: readonly string[] };
}

/** The prompts of a job. */
export interface PreparedPrompts {
  /** What is erased, in few words. */
  readonly concept: string;
  readonly forget: EraseJob['forget'];
  readonly concepts: EraseJob['concepts'];
  readonly retain: string[];
  readonly heldBack: EraseJob['heldBack'];
  /** What may not be meant so, or is not heeded. */
  readonly warnings: readonly string[];
}
