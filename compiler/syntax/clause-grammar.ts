import { EOF, tokenMatcher, type IToken } from "chevrotain";
import { ExpressionGrammar } from "./expression-grammar.js";
import * as t from "./tokens.js";

const clause = t.clauseKeywords;
const inner = t.innerWords;

/** The rules of clauses. */
export abstract class ClauseGrammar extends ExpressionGrammar {
  /** The first token of what stands between the end of a clause and the separator after it. */
  leftovers: IToken[] = [];
  /** The token before each of them. */
  beforeLeftovers: IToken[] = [];

  /** The clauses between two braces. */
  protected readonly body = this.RULE("body", () => {
    this.CONSUME(t.LCurly);
    this.MANY(() => this.OR([{ ALT: () => this.SUBRULE(this.clauseLine) }, { ALT: () => this.CONSUME(t.Separator) }]));
    this.CONSUME(t.RCurly);
  });

  protected readonly clauseLine = this.RULE("clauseLine", () => {
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

  protected readonly keywordClause = this.RULE("keywordClause", () => {
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

  protected readonly space = this.RULE("space", () => {
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

  protected readonly shape = this.RULE("shape", () => {
    this.CONSUME(clause.shape);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.field) });
  });

  protected readonly field = this.RULE("field", () => {
    this.CONSUME(t.Name);
    this.CONSUME(t.Colon);
    this.SUBRULE(this.expr);
  });

  protected readonly phase = this.RULE("phase", () => {
    this.CONSUME(clause.phase);
    this.SUBRULE(this.names);
  });

  protected readonly inputClause = this.RULE("inputClause", () => {
    this.CONSUME(clause.input);
    this.SUBRULE(this.names);
    this.CONSUME(t.Colon);
    this.SUBRULE(this.expr);
  });

  protected readonly table = this.RULE("table", () => {
    this.CONSUME(clause.table);
    this.SUBRULE(this.names);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expr);
  });

  protected readonly letClause = this.RULE("letClause", () => {
    this.CONSUME(clause.let);
    this.CONSUME(t.Name);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expr);
  });

  protected readonly probe = this.RULE("probe", () => {
    this.CONSUME(clause.probe);
    this.CONSUME(t.Name);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expr);
  });

  protected readonly pool = this.RULE("pool", () => {
    this.CONSUME(clause.pool);
    this.SUBRULE(this.names);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.exprs);
  });

  protected readonly block = this.RULE("block", () => {
    this.SUBRULE(this.blockHead);
    this.SUBRULE(this.body);
  });

  protected readonly blockHead = this.RULE("blockHead", () => {
    this.OR([
      { ALT: () => this.CONSUME(clause.select, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.branch, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.on, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(t.Name);
  });

  protected readonly unit = this.RULE("unit", () => {
    this.CONSUME(clause.unit);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.field) });
  });

  /** The clauses that are a keyword and one expression. */
  protected readonly value = this.RULE("value", () => {
    this.OR([
      { ALT: () => this.CONSUME(clause.score, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.among, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.force, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.snap, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.at, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.normalize, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.output, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(clause.budget, { LABEL: "keyword" }) },
    ]);
    this.SUBRULE(this.expr);
  });

  protected readonly group = this.RULE("group", () => {
    this.CONSUME(clause.group);
    this.CONSUME(t.Name);
    this.CONSUME(inner.over);
    this.CONSUME2(t.Name, { LABEL: "over" });
  });

  protected readonly keep = this.RULE("keep", () => {
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

  protected readonly reuse = this.RULE("reuse", () => {
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
        {
          ALT: () => {
            this.CONSUME(inner.while);
            this.SUBRULE2(this.expr);
          },
        },
      ],
      ERR_MSG: "`every … steps`, `later layers`, `while cosine(q) >= …` or `from` with a name",
    });
  });

  protected readonly assign = this.RULE("assign", () => {
    this.SUBRULE(this.assignHead);
    this.CONSUME(t.LCurly);
    this.OR([{ GATE: () => this.startsNames(), ALT: () => this.SUBRULE(this.assignNames) }, { ALT: () => this.SUBRULE(this.cases) }]);
    this.CONSUME(t.RCurly);
  });

  protected readonly assignHead = this.RULE("assignHead", () => {
    this.CONSUME(clause.assign);
    this.OPTION(() => this.CONSUME(t.Name));
  });

  protected readonly assignNames = this.RULE("assignNames", () => {
    this.SUBRULE(this.names);
  });

  protected readonly cases = this.RULE("cases", () => {
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

  protected readonly caseRow = this.RULE("caseRow", () => {
    this.CONSUME(inner.when);
    this.SUBRULE(this.expr);
    this.CONSUME(t.Arrow);
    this.SUBRULE2(this.expr, { LABEL: "result" });
    this.ACTION(() => this.skipLeftover());
  });

  protected readonly otherwise = this.RULE("otherwise", () => {
    this.CONSUME(t.reserved.else);
    this.CONSUME(t.Arrow);
    this.SUBRULE(this.expr, { LABEL: "result" });
    this.ACTION(() => this.skipLeftover());
  });

  protected readonly attend = this.RULE("attend", () => {
    this.CONSUME(clause.attend);
    this.SUBRULE(this.expr);
    this.OPTION(() => {
      this.CONSUME(inner.from);
      this.CONSUME(t.Name, { LABEL: "key" });
      this.CONSUME(t.Comma);
      this.CONSUME2(t.Name, { LABEL: "value" });
    });
  });

  protected readonly emit = this.RULE("emit", () => {
    this.CONSUME(clause.emit);
    this.SUBRULE(this.names);
  });

  protected readonly layout = this.RULE("layout", () => {
    this.CONSUME(clause.layout);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.layoutItem) });
  });

  protected readonly layoutItem = this.RULE("layoutItem", () => {
    this.CONSUME(t.Name);
    this.OPTION(() => this.SUBRULE(this.args));
  });

  protected readonly rope = this.RULE("rope", () => {
    this.CONSUME(clause.rope);
    this.CONSUME(inner.by);
    this.CONSUME(t.Name);
  });

  protected readonly require = this.RULE("require", () => {
    this.CONSUME(clause.require);
    this.AT_LEAST_ONE(() => this.CONSUME(t.Name));
  });

  protected readonly cache = this.RULE("cache", () => {
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

  protected readonly state = this.RULE("state", () => {
    this.CONSUME(clause.state);
    this.SUBRULE(this.expr);
    this.CONSUME(t.Equal);
    this.SUBRULE2(this.expr, { LABEL: "result" });
  });

  protected readonly retain = this.RULE("retain", () => {
    this.CONSUME(clause.retain);
    this.CONSUME(t.Name);
  });

  protected readonly evict = this.RULE("evict", () => {
    this.CONSUME(clause.evict);
    this.SUBRULE(this.call);
    this.CONSUME(inner.except);
    this.SUBRULE(this.expr);
  });

  protected readonly accumulate = this.RULE("accumulate", () => {
    this.SUBRULE(this.expr);
    this.CONSUME(t.PlusEqual);
    this.SUBRULE2(this.expr, { LABEL: "result" });
  });

  protected readonly unknown = this.RULE("unknown", () => {
    this.CONSUME(t.UnknownClause);
    this.ACTION(() => this.skipToSeparator());
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
