import type { VersionId } from '../version.ts';
import type { Statement } from './statement.ts';

/** What people call a model, and where that stands, as a part of a sentence. */
export interface ModelName {
  readonly text: string;
  readonly where: string;
}

interface NamePattern {
  /** Of a name in lower-case words with hyphens between them. */
  readonly pattern: RegExp;
  readonly says: Omit<Statement, 'where'>;
  /** Default: all. */
  readonly families?: readonly VersionId[];
}

const xl = ['sdxl'] as const;
const sd2 = ['sd2'] as const;

/**
 * Words in names, the most telling first. Rectified-flow models have epsilon's keys and are known by
 * nothing else: web UIs go by the word too (Forge Neo by "rectified" in the path of an SDXL).
 * Short words count where such models exist.
 */
const patterns: readonly NamePattern[] = [
  {
    pattern: /rectified|flow-?match|insta-?flow|nyaflow|chenkin-?rf|big-?asp-?v?2-?5/,
    says: { prediction: 'flow' },
  },
  { pattern: /(^|-)(rf|flow)(-|\d|$)/, says: { prediction: 'flow' }, families: xl },
  { pattern: /(^|-)cos-?xl(-|$)|playground-?v?2-?5/, says: { prediction: 'edm' } },
  { pattern: /(^|-)edm(-|\d|$)/, says: { prediction: 'edm' }, families: xl },
  { pattern: /(^|-)x0-?pred/, says: { prediction: 'sample' } },
  {
    // NoobAI's were trained down to pure noise, whether or not a copy has kept the markers.
    pattern: /noob.*v-?pred|v-?pred.*(zt?snr|zero-?(terminal-?)?snr)|(zt?snr).*v-?pred/,
    says: { prediction: 'v_prediction', zeroTerminalSnr: true },
  },
  {
    pattern: /vpred|(^|-|\d)v-(pred|prediction|predicted|parameterization)(-|\d|$)/,
    says: { prediction: 'v_prediction' },
  },
  { pattern: /(^|-)eps(ilon)?(-?pred(iction)?)?(-|\d|$)/, says: { prediction: 'epsilon' } },
  // Stability AI's 2.0 and 2.1 for 768 pixels predict v, those for 512 ("base") noise.
  { pattern: /(^|-)768/, says: { prediction: 'v_prediction' }, families: sd2 },
  { pattern: /(^|-)(512|base)(-|$)/, says: { prediction: 'epsilon' }, families: sd2 },
];

/**
 * What a model's names say of what it predicts: no more than a hint, which any statement outweighs.
 *
 * @returns for each name that has such a word what it says
 */
export function nameEvidence(names: readonly ModelName[], family: VersionId): Statement[] {
  return names.flatMap(({ text, where }) => {
    for (const { pattern, says, families } of patterns) {
      if (families && !families.includes(family)) continue;
      // `noobaiXL_vPred10` has the words in one.
      for (const words of [hyphenated(text), hyphenated(splitCamelCase(text))]) {
        const found = pattern.exec(words)?.[0].replace(/^-|-$/g, '');
        if (found !== undefined) return [{ ...says, where: `${where} has "${found}"` }];
      }
    }
    return [];
  });
}

function splitCamelCase(text: string): string {
  return text.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z])([A-Z][a-z])/g, '$1 $2');
}

function hyphenated(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
