import { CstParser } from "chevrotain";
import { expectations } from "./expectations.js";
import * as t from "./tokens.js";

const { if: If, else: Else } = t.reserved;

/** The rules of expressions and of the lists of them. */
export abstract class ExpressionGrammar extends CstParser {
  constructor(skipValidations: boolean) {
    super(t.grammarTokens, {
      skipValidations,
      recoveryEnabled: true,
      maxLookahead: 2,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: expectations,
    });
  }

  /** A made-up or skipped token helps nobody: errors end at the next place that is sure. */
  protected override canTokenTypeBeInsertedInRecovery(): boolean {
    return false;
  }
  protected override canTokenTypeBeDeletedInRecovery(): boolean {
    return false;
  }

  protected readonly expr = this.RULE("expr", () => {
    this.SUBRULE(this.binary);
    this.MANY(() => {
      this.CONSUME(If);
      this.SUBRULE(this.expr, { LABEL: "condition" });
      this.CONSUME(Else);
      this.SUBRULE2(this.binary);
    });
  });

  /** A flat row of operands and operators; the tree builder knows the precedences. */
  protected readonly binary = this.RULE("binary", () => {
    this.SUBRULE(this.unary);
    this.MANY(() => {
      this.CONSUME(t.BinaryOp);
      this.SUBRULE2(this.unary);
    });
  });

  protected readonly unary = this.RULE("unary", () => {
    this.MANY(() => this.CONSUME(t.PrefixOp));
    this.SUBRULE(this.atom);
    this.MANY2(() => this.SUBRULE(this.suffix));
  });

  protected readonly suffix = this.RULE("suffix", () => {
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

  protected readonly atom = this.RULE("atom", () => {
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

  protected readonly args = this.RULE("args", () => {
    this.CONSUME(t.LParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.arg) });
    this.CONSUME(t.RParen);
  });

  protected readonly arg = this.RULE("arg", () => {
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Colon,
      DEF: () => {
        this.OR([{ ALT: () => this.CONSUME(t.Name, { LABEL: "label" }) }, { ALT: () => this.CONSUME(t.NumberToken, { LABEL: "label" }) }]);
        this.CONSUME(t.Colon);
      },
    });
    this.SUBRULE(this.expr);
  });

  protected readonly call = this.RULE("call", () => {
    this.CONSUME(t.Name);
    this.SUBRULE(this.args);
  });

  protected readonly names = this.RULE("names", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Name) });
  });

  protected readonly exprs = this.RULE("exprs", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expr) });
  });
}
