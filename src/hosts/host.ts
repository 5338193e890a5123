/** A checkpoint that a host knows. */
export interface HostModel {
  /** Unique among the host's models; for one in a folder its path in there, with `/`. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** When it was last written, in ms since 1970. */
  readonly modifiedMs: number;
}

/** The web UI that the models belong to; nothing about erasing. */
export interface Host {
  readonly kind: string;
  isReachable(): Promise<boolean>;
  /** The models, those that came or went in the last second perhaps not heeded. */
  listModels(): Promise<readonly HostModel[]>;
  /** Has a model that was just written or removed heeded. */
  refresh(): Promise<void>;
  /** The folder that a scrubbed model of this one goes to. */
  resultFolder(model: HostModel): string;
  /** Name of the model that pictures are drawn with; null where none was chosen yet. */
  activeModel(): Promise<string | null>;
  /**
   * Has pictures drawn with another model from now on.
   *
   * @throws AppError `model.not-found`
   */
  activate(name: string): Promise<void>;
}
