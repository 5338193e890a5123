/** How files of weights end that hosts take: `.sft` is the same format (ComfyUI, Forge). */
const ending = /\.(safetensors|sft)$/i;

/** Whether a name is that of a model in one file. */
export function isModelFile(name: string): boolean {
  return ending.test(name);
}

/** A name without that ending. */
export function withoutModelEnding(name: string): string {
  return name.replace(ending, '');
}
