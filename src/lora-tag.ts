/** What has AUTOMATIC1111 and its relatives draw with a LoRA, as a part of a prompt. */
export function loraTag(name: string, strength: number): string {
  return `<lora:${name}:${strength}>`;
}
