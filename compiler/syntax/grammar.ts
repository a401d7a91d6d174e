import { CstParser, EOF, tokenMatcher, type CstNode, type IParserErrorMessageProvider, type IToken, type TokenType } from "chevrotain";
import * as t from "./tokens.js";

const { import: Import, pattern: Pattern, attention: Attention, cache: CacheDeclaration } = t.declarationKeywords;
const clause = t.clauseKeywords;
const inner = t.innerWords;
const { if: If, else: Else } = t.reserved;

/** The message of a syntax error is only what was expected; the parser says what was found. */
const expectations: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, ruleName }) => expectedToken(expected, ruleName),
  buildNotAllInputParsedMessage: () => "a declaration",
  buildNoViableAltMessage: ({ expectedPathsPerAlt, customUserDescription }) =>
    customUserDescription !== "" && customUserDescription !== undefined
      ? customUserDescription
      : oneOf(expectedPathsPerAlt.flat().map((path) => label(path[0]!))),
  buildEarlyExitMessage: ({ expectedIterationPaths }) => oneOf(expectedIterationPaths.map((path) => label(path[0]!))),
};

function expectedToken(expected: TokenType, ruleName: string): string {
  if (expected === t.RParen && (ruleName === "args" || ruleName === "params")) return "`,` or `)`";
  if (expected === EOF) return "the end of the file";
  if (expected === t.RBracket) return "`,` or `]`";
  if (expected === t.RCurly && (ruleName === "importItem" || ruleName === "assignNames")) return "`,` or `}`";
  return label(expected);
}

function label(kind: TokenType): string {
  return kind.LABEL ?? kind.name;
}

function oneOf(labels: readonly string[]): string {
  const unique = [...new Set(labels)];
  return unique.length < 2 ? unique.join("") : `${unique.slice(0, -1).join(", ")} or ${unique.at(-1)!}`;
}

/** The grammar of tokens that have been laid out; see `layout.ts` for newlines and keywords. */
export class Grammar extends CstParser {
  /** The first token of what stands between the end of a clause and the separator after it. */
  leftovers: IToken[] = [];
  /** The token before each of them. */
  beforeLeftovers: IToken[] = [];

  constructor() {
    super(t.grammarTokens, {
      recoveryEnabled: true,
      maxLookahead: 2,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: expectations,
    });
    this.performSelfAnalysis();
  }

  /** A made-up or skipped token helps nobody: errors end at the next place that is sure. */
  protected override canTokenTypeBeInsertedInRecovery(): boolean {
    return false;
  }
  protected override canTokenTypeBeDeletedInRecovery(): boolean {
    return false;
  }

  read(tokens: IToken[]): CstNode {
    this.leftovers = [];
    this.beforeLeftovers = [];
    this.input = tokens;
    return this.file();
  }

  // -------------------------------------------------------------- declarations

  private readonly file = this.RULE("file", () => {
    this.MANY(() => this.OR([{ ALT: () => this.SUBRULE(this.importItem) }, { ALT: () => this.SUBRULE(this.declaration) }]));
  });

  private readonly importItem = this.RULE("importItem", () => {
    this.CONSUME(Import);
    this.CONSUME(t.LCurly);
    this.SUBRULE(this.names);
    this.CONSUME(t.RCurly);
    this.CONSUME(inner.from);
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
      this.CONSUME(inner.runtime);
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expr);
  });

  private readonly body = this.RULE("body", () => {
    this.CONSUME(t.LCurly);
    this.MANY(() => this.OR([{ ALT: () => this.SUBRULE(this.clauseLine) }, { ALT: () => this.CONSUME(t.Separator) }]));
    this.CONSUME(t.RCurly);
  });

  // ------------------------------------------------------------------- clauses

  private readonly clauseLine = this.RULE("clauseLine", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.KeywordClause);
          this.SUBRULE(this.keywordClause);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.AccumulateClause);
          this.SUBRULE(this.accumulate);
        },
      },
      { ALT: () => this.SUBRULE(this.unknown) },
    ]);
    this.ACTION(() => this.skipLeftover());
  });

  private readonly keywordClause = this.RULE("keywordClause", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.space) },
      { ALT: () => this.SUBRULE(this.shape) },
      { ALT: () => this.SUBRULE(this.phase) },
      { ALT: () => this.SUBRULE(this.inputClause) },
      { ALT: () => this.SUBRULE(this.table) },
      { ALT: () => this.SUBRULE(this.letClause) },
      { ALT: () => this.SUBRULE(this.probe) },
      { ALT: () => this.SUBRULE(this.pool) },
      { ALT: () => this.SUBRULE(this.block) },
      { ALT: () => this.SUBRULE(this.unit) },
      { ALT: () => this.SUBRULE(this.value) },
      { ALT: () => this.SUBRULE(this.group) },
      { ALT: () => this.SUBRULE(this.keep) },
      { ALT: () => this.SUBRULE(this.reuse) },
      { ALT: () => this.SUBRULE(this.assign) },
      { ALT: () => this.SUBRULE(this.attend) },
      { ALT: () => this.SUBRULE(this.emit) },
      { ALT: () => this.SUBRULE(this.layout) },
      { ALT: () => this.SUBRULE(this.rope) },
      { ALT: () => this.SUBRULE(this.require) },
      { ALT: () => this.SUBRULE(this.cache) },
      { ALT: () => this.SUBRULE(this.state) },
      { ALT: () => this.SUBRULE(this.retain) },
      { ALT: () => this.SUBRULE(this.evict) },
    ]);
  });

  private readonly space = this.RULE("space", () => {
    this.CONSUME(clause.space);
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(inner.seq) },
        {
          ALT: () => {
            this.CONSUME(inner.grid);
            this.SUBRULE(this.args);
          },
        },
      ],
      ERR_MSG: "`seq` or `grid(…)`",
    });
    this.MANY(() => {
      this.CONSUME(t.Plus);
      this.SUBRULE(this.call);
    });
    this.OPTION(() => this.CONSUME(t.Name, { LABEL: "causality" }));
  });

  private readonly shape = this.RULE("shape", () => {
    this.CONSUME(clause.shape);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.field) });
  });

  private readonly field = this.RULE("field", () => {
    this.CONSUME(t.Name);
    this.CONSUME(t.Colon);
    this.SUBRULE(this.expr);
  });

  private readonly phase = this.RULE("phase", () => {
    this.CONSUME(clause.phase);
    this.SUBRULE(this.names);
  });

  private readonly inputClause = this.RULE("inputClause", () => {
    this.CONSUME(clause.input);
    this.SUBRULE(this.names);
    this.CONSUME(t.Colon);
    this.SUBRULE(this.expr);
  });

  private readonly table = this.RULE("table", () => {
    this.CONSUME(clause.table);
    this.SUBRULE(this.names);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expr);
  });

  private readonly letClause = this.RULE("letClause", () => {
    this.CONSUME(clause.let);
    this.CONSUME(t.Name);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expr);
  });

  private readonly probe = this.RULE("probe", () => {
    this.CONSUME(clause.probe);
    this.CONSUME(t.Name);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expr);
  });

  private readonly pool = this.RULE("pool", () => {
    this.CONSUME(clause.pool);
    this.SUBRULE(this.names);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.exprs);
  });

  private readonly block = this.RULE("block", () => {
    this.SUBRULE(this.blockHead);
    this.SUBRULE(this.body);
  });

  private readonly blockHead = this.RULE("blockHead", () => {
    this.OR([
      { ALT: () => this.CONSUME(clause.select, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.branch, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.on, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(t.Name);
  });

  private readonly unit = this.RULE("unit", () => {
    this.CONSUME(clause.unit);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.field) });
  });

  /** The clauses that are a keyword and one expression. */
  private readonly value = this.RULE("value", () => {
    this.OR([
      { ALT: () => this.CONSUME(clause.score, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.force, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.snap, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.at, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.normalize, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.output, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.budget, { LABEL: "keyword" }) },
    ]);
    this.SUBRULE(this.expr);
  });

  private readonly group = this.RULE("group", () => {
    this.CONSUME(clause.group);
    this.CONSUME(t.Name);
    this.CONSUME(inner.over);
    this.CONSUME2(t.Name, { LABEL: "over" });
  });

  private readonly keep = this.RULE("keep", () => {
    this.CONSUME(clause.keep);
    this.SUBRULE(this.expr);
    this.OPTION(() => {
      this.CONSUME(inner.min);
      this.SUBRULE2(this.expr, { LABEL: "min" });
    });
    this.OPTION2(() => {
      this.CONSUME(inner.max);
      this.SUBRULE3(this.expr, { LABEL: "max" });
    });
    this.OPTION3(() => {
      this.CONSUME(inner.over);
      this.CONSUME(t.Name);
    });
  });

  private readonly reuse = this.RULE("reuse", () => {
    this.CONSUME(clause.reuse);
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(inner.every);
            this.SUBRULE(this.expr);
            this.CONSUME(inner.steps);
          },
        },
        {
          ALT: () => {
            this.CONSUME(inner.later);
            this.CONSUME(inner.layers);
          },
        },
        {
          ALT: () => {
            this.CONSUME(inner.from);
            this.CONSUME(t.Name);
          },
        },
      ],
      ERR_MSG: "`every … steps`, `later layers` or `from` with a name",
    });
  });

  private readonly assign = this.RULE("assign", () => {
    this.SUBRULE(this.assignHead);
    this.CONSUME(t.LCurly);
    this.OR([{ GATE: () => this.startsNames(), ALT: () => this.SUBRULE(this.assignNames) }, { ALT: () => this.SUBRULE(this.cases) }]);
    this.CONSUME(t.RCurly);
  });

  private readonly assignHead = this.RULE("assignHead", () => {
    this.CONSUME(clause.assign);
    this.OPTION(() => this.CONSUME(t.Name));
  });

  private readonly assignNames = this.RULE("assignNames", () => {
    this.SUBRULE(this.names);
  });

  private readonly cases = this.RULE("cases", () => {
    this.MANY(() =>
      this.OR({
        DEF: [
          { ALT: () => this.SUBRULE(this.caseRow) },
          { ALT: () => this.SUBRULE(this.otherwise) },
          { ALT: () => this.SUBRULE(this.unknown) },
          { ALT: () => this.CONSUME(t.Separator) },
        ],
        IGNORE_AMBIGUITIES: true,
      }),
    );
  });

  private readonly caseRow = this.RULE("caseRow", () => {
    this.CONSUME(inner.when);
    this.SUBRULE(this.expr);
    this.CONSUME(t.Arrow);
    this.SUBRULE2(this.expr, { LABEL: "result" });
    this.ACTION(() => this.skipLeftover());
  });

  private readonly otherwise = this.RULE("otherwise", () => {
    this.CONSUME(Else);
    this.CONSUME(t.Arrow);
    this.SUBRULE(this.expr, { LABEL: "result" });
    this.ACTION(() => this.skipLeftover());
  });

  private readonly attend = this.RULE("attend", () => {
    this.CONSUME(clause.attend);
    this.SUBRULE(this.expr);
    this.OPTION(() => {
      this.CONSUME(inner.from);
      this.CONSUME(t.Name, { LABEL: "key" });
      this.CONSUME(t.Comma);
      this.CONSUME2(t.Name, { LABEL: "value" });
    });
  });

  private readonly emit = this.RULE("emit", () => {
    this.CONSUME(clause.emit);
    this.SUBRULE(this.names);
  });

  private readonly layout = this.RULE("layout", () => {
    this.CONSUME(clause.layout);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.layoutItem) });
  });

  private readonly layoutItem = this.RULE("layoutItem", () => {
    this.CONSUME(t.Name);
    this.OPTION(() => this.SUBRULE(this.args));
  });

  private readonly rope = this.RULE("rope", () => {
    this.CONSUME(clause.rope);
    this.CONSUME(inner.by);
    this.CONSUME(t.Name);
  });

  private readonly require = this.RULE("require", () => {
    this.CONSUME(clause.require);
    this.AT_LEAST_ONE(() => this.CONSUME(t.Name));
  });

  private readonly cache = this.RULE("cache", () => {
    this.CONSUME(clause.cache);
    this.OR([
      {
        ALT: () => {
          this.CONSUME(inner.keep);
          this.SUBRULE(this.expr);
        },
      },
      {
        ALT: () => {
          this.CONSUME(inner.use);
          this.SUBRULE(this.call);
        },
      },
    ]);
  });

  private readonly state = this.RULE("state", () => {
    this.CONSUME(clause.state);
    this.SUBRULE(this.expr);
    this.CONSUME(t.Equal);
    this.SUBRULE2(this.expr, { LABEL: "result" });
  });

  private readonly retain = this.RULE("retain", () => {
    this.CONSUME(clause.retain);
    this.CONSUME(t.Name);
  });

  private readonly evict = this.RULE("evict", () => {
    this.CONSUME(clause.evict);
    this.SUBRULE(this.call);
    this.CONSUME(inner.except);
    this.SUBRULE(this.expr);
  });

  private readonly accumulate = this.RULE("accumulate", () => {
    this.SUBRULE(this.expr);
    this.CONSUME(t.PlusEqual);
    this.SUBRULE2(this.expr, { LABEL: "result" });
  });

  private readonly unknown = this.RULE("unknown", () => {
    this.CONSUME(t.UnknownClause);
    this.ACTION(() => this.skipToSeparator());
  });

  // --------------------------------------------------------------- expressions

  private readonly expr = this.RULE("expr", () => {
    this.SUBRULE(this.binary);
    this.MANY(() => {
      this.CONSUME(If);
      this.SUBRULE(this.expr, { LABEL: "condition" });
      this.CONSUME(Else);
      this.SUBRULE2(this.binary);
    });
  });

  /** A flat row of operands and operators; the tree builder knows the precedences. */
  private readonly binary = this.RULE("binary", () => {
    this.SUBRULE(this.unary);
    this.MANY(() => {
      this.CONSUME(t.BinaryOp);
      this.SUBRULE2(this.unary);
    });
  });

  private readonly unary = this.RULE("unary", () => {
    this.MANY(() => this.CONSUME(t.PrefixOp));
    this.SUBRULE(this.atom);
    this.MANY2(() => this.SUBRULE(this.suffix));
  });

  private readonly suffix = this.RULE("suffix", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Dot);
          this.CONSUME(t.Name);
          this.OPTION(() => this.SUBRULE(this.args));
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LBracket);
          this.SUBRULE(this.exprs);
          this.CONSUME(t.RBracket);
        },
      },
    ]);
  });

  private readonly atom = this.RULE("atom", () => {
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(t.NumberToken) },
        { ALT: () => this.CONSUME(t.StringToken) },
        {
          ALT: () => {
            this.CONSUME(t.Name);
            this.OPTION(() => this.SUBRULE(this.args));
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.LParen);
            this.SUBRULE(this.expr);
            this.CONSUME(t.RParen);
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.LBracket);
            this.SUBRULE(this.exprs);
            this.CONSUME(t.RBracket);
          },
        },
        { ALT: () => this.CONSUME(t.Question) },
      ],
      ERR_MSG: "an expression",
    });
  });

  private readonly args = this.RULE("args", () => {
    this.CONSUME(t.LParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.arg) });
    this.CONSUME(t.RParen);
  });

  private readonly arg = this.RULE("arg", () => {
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Colon,
      DEF: () => {
        this.OR([{ ALT: () => this.CONSUME(t.Name, { LABEL: "label" }) }, { ALT: () => this.CONSUME(t.NumberToken, { LABEL: "label" }) }]);
        this.CONSUME(t.Colon);
      },
    });
    this.SUBRULE(this.expr);
  });

  private readonly call = this.RULE("call", () => {
    this.CONSUME(t.Name);
    this.SUBRULE(this.args);
  });

  private readonly names = this.RULE("names", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Name) });
  });

  private readonly exprs = this.RULE("exprs", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expr) });
  });

  // --------------------------------------------------------------------- steps

  private startsNames(): boolean {
    const next = this.LA(2).tokenType;
    return this.LA(1).tokenType === t.RCurly || (tokenMatcher(this.LA(1), t.Name) && (next === t.Comma || next === t.RCurly));
  }

  private skipLeftover(): void {
    if (this.atSeparator()) return;
    this.leftovers.push(this.LA(1));
    this.beforeLeftovers.push(this.LA(0));
    this.skipToSeparator();
  }

  private skipToSeparator(): void {
    for (let depth = 0; depth > 0 || !this.atSeparator();) {
      const kind = this.LA(1).tokenType;
      if (kind === EOF) return;
      if (kind === t.LCurly) depth++;
      else if (kind === t.RCurly) depth--;
      this.SKIP_TOKEN();
    }
  }

  private atSeparator(): boolean {
    const kind = this.LA(1).tokenType;
    return kind === t.Separator || kind === t.RCurly || kind === EOF;
  }
}
