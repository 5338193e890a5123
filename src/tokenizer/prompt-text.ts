/**
 * What web UIs take out of a prompt before they encode it, each with what a person should know of it.
 * Patterns are global; the whole match goes.
 */
export const leftOutOfPrompts = [
  {
    // `re_extra_net` of AUTOMATIC1111's modules/extra_networks.py takes any name for a network's kind.
    pattern: /<\w+:[^>]+>/g,
    reason:
      'left out of the text, as web UIs do. LoRAs and other networks that a prompt names are used only where a web UI draws the pictures; to erase from a model together with its LoRA, give both, or merge the two first',
  },
  {
    // ComfyUI passes over an embedding that it does not have (comfy/sd1_clip.py).
    pattern: /(?<![\p{L}\p{N}_])embedding:[\p{L}\p{N}_./\\-]*[\p{L}\p{N}_]/giu,
    reason:
      'left out of the text: no embedding (textual inversion) of that name is given. Give its file, or say in words what it draws',
  },
  {
    // modules/processing_scripts/comments.py of AUTOMATIC1111 and Forge; not "C#", "#1" or "#ff8800".
    pattern: /(?<!\S)#(?!\p{N}|[\da-f]{6}\b)[^\n]*/giu,
    reason: 'left out as a comment, as AUTOMATIC1111 and Forge do',
  },
  {
    // ComfyUI's page and Forge Neo; not the slashes of an address.
    pattern: /\/\*[^]*?\*\/|(?<!\S)\/\/[^\n]*/g,
    reason: 'left out as a comment, as ComfyUI and Forge Neo do',
  },
] as const;

/**
 * The part of a prompt that is encoded: without the networks and embeddings that it names, and without
 * comments. Emphasis is still in it.
 */
export function promptText(prompt: string): string {
  return leftOutOfPrompts.reduce((text, { pattern }) => text.replaceAll(pattern, ''), prompt);
}
