/** Where a command writes; a part of `process.stdout`. */
export interface TextSink {
  write(text: string): unknown;
}

/** The two outputs of a command and how it speaks on them. */
export interface Terminal {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** The stream to draw a progress bar on; null where standard output is no terminal. */
  readonly barStream: NodeJS.WritableStream | null;
}

/** Prints a line for people. Names from files may hold escape sequences, which do not get through. */
export function printLine(sink: TextSink, text: string): void {
  sink.write(`${text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\u{fffd}')}\n`);
}

/** Prints one object of `--json`. */
export function printJson({ stdout }: Terminal, value: object): void {
  stdout.write(`${JSON.stringify(value)}\n`);
}

/** Warns a person, or with `--json` a program. */
export function tellWarnings(terminal: Terminal, warnings: readonly string[], json: boolean): void {
  for (const message of warnings) {
    if (json) printJson(terminal, { event: 'warning', message });
    else printLine(terminal.stderr, `Warning: ${message}`);
  }
}
