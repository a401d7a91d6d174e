import type { CstNode, IToken } from "chevrotain";
import { ClauseGrammar } from "./clause-grammar.js";
import * as t from "./tokens.js";

const { import: Import, pattern: Pattern, attention: Attention, cache: CacheDeclaration } = t.declarationKeywords;

/** The grammar of tokens that have been laid out; see `layout.ts` for newlines and keywords. */
export class Grammar extends ClauseGrammar {
  /** Validating the grammar takes a third of the time of making it, and its answer is always the same: a test asks for it. */
  constructor(skipValidations = true) {
    super(skipValidations);
    this.performSelfAnalysis();
  }

  read(tokens: IToken[]): CstNode {
    this.leftovers = [];
    this.beforeLeftovers = [];
    this.input = tokens;
    return this.file();
  }

  private readonly file = this.RULE("file", () => {
    this.MANY(() => this.OR([{ ALT: () => this.SUBRULE(this.importItem) }, { ALT: () => this.SUBRULE(this.declaration) }]));
  });

  private readonly importItem = this.RULE("importItem", () => {
    this.CONSUME(Import);
    this.CONSUME(t.LCurly);
    this.SUBRULE(this.names);
    this.CONSUME(t.RCurly);
    this.CONSUME(t.innerWords.from);
    this.CONSUME(t.StringToken);
  });

  private readonly declaration = this.RULE("declaration", () => {
    this.OR([
      { ALT: () => this.CONSUME(Pattern, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(Attention, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(CacheDeclaration, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(t.Name);
    this.OPTION(() => this.SUBRULE(this.params));
    this.SUBRULE(this.body);
  });

  private readonly params = this.RULE("params", () => {
    this.CONSUME(t.LParen);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.param) });
    this.CONSUME(t.RParen);
  });

  private readonly param = this.RULE("param", () => {
    this.CONSUME(t.Name);
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.CONSUME(t.innerWords.runtime);
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expr);
  });
}
