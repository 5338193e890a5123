/** A word of a prompt for comparison: in the singular where that is told by its letters, without accents. */
export function singular(word: string): string {
  const plain = word
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .normalize('NFC');
  if (/[^aeiou]ies$/.test(plain) && plain.length > 4) return `${plain.slice(0, -3)}y`;
  if (/(?:ch|sh|ss|x|zz)es$/.test(plain)) return plain.slice(0, -2);
  return /[^sui]s$/.test(plain) && plain.length > 3 ? plain.slice(0, -1) : plain;
}
