/** What a model is run with besides its own files. */
export interface Companions {
  /** Path of the VAE that encodes and draws; null for the model's own. */
  readonly vae?: string | null | undefined;
  /** The same for a model that has none; null for one that lies beside it, if there is one. */
  readonly vaeIfNone?: string | null | undefined;
  /** Paths of embeddings (textual inversion), which prompts call by the names of their files. */
  readonly embeddings?: readonly string[] | undefined;
}
