import { CST, Lexer, parse, YAMLParseError } from 'yaml';

/** Nesting that no file of ours comes near: levels, or columns of indentation. */
const MAX_DEPTH = 64;
/** Twice what a preset with as many prompts as it may have takes. */
const MAX_TOKENS = 20_000;
const MAX_KEYS = 1000;

/**
 * The value of a YAML text that may come from anywhere. What costs out of proportion is refused by
 * the tokens, which are read without recursion: aliases unfold to gigabytes; the time of many keys,
 * tags or mistakes grows with their square, to minutes; on deep nesting the parser does not only
 * overflow the stack: V8 can end the whole process where it compiles a regular expression with no
 * stack left.
 *
 * @throws Error with a message for people
 */
export function parseYaml(text: string): unknown {
  requireSimple(text);
  try {
    // Pretty errors would look for the line of each of thousands of mistakes, for minutes.
    return parse(text, { maxAliasCount: 0, prettyErrors: false, logLevel: 'error' });
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    const line = text.slice(0, cause.pos[0]).split('\n').length;
    throw new Error(`${cause.message} (line ${line})`, { cause });
  }
}

function requireSimple(text: string): void {
  const depth = new Depth();
  let tokens = 0;
  let keys = 0;
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token);
    if (type === 'alias' || type === 'anchor') throw new Error('it has an alias (& or *)');
    if (type === 'tag') throw new Error('it has a tag (!)');
    if (type === 'map-value-ind') keys++;
    if (++tokens > MAX_TOKENS || keys > MAX_KEYS) throw new Error('it has too many entries');
    if (depth.after(type, token) > MAX_DEPTH) throw new Error('it is nested too deeply');
  }
}

/** A bound of how deep a text is nested so far. */
class Depth {
  private flow = 0;
  private block = 0;
  private isLineStart = true;

  after(type: CST.TokenType | null, token: string): number {
    if (type === 'newline') {
      this.block = 0;
      this.isLineStart = true;
      return 0;
    }
    if (type === 'space' && this.isLineStart) this.block += token.length;
    if (type === 'flow-seq-start' || type === 'flow-map-start') this.flow++;
    if (type === 'flow-seq-end' || type === 'flow-map-end') this.flow--;
    if (blockIndicators.has(type)) this.block++;
    this.isLineStart = false;
    return this.flow + this.block;
  }
}

const blockIndicators = new Set<CST.TokenType | null>([
  'seq-item-ind',
  'explicit-key-ind',
  'map-value-ind',
]);
