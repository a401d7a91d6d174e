/** `sliding_window` as `slidingWindow`. */
export function camelCase(name: string): string {
  const [first = "", ...rest] = name.split("_").filter((part) => part !== "");
  return first.charAt(0).toLowerCase() + first.slice(1) + rest.map(capitalised).join("");
}

/** `sliding_window` as `SlidingWindow`. */
export function pascalCase(name: string): string {
  return capitalised(camelCase(name));
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** What the generated file calls the parts of one attention declaration. */
export interface OperatorNames {
  /** The interface of the operator: `Sliding`. */
  readonly operator: string;
  readonly shape: string;
  readonly buffers: string;
  /** Where the tensors of a CUDA launch are: `SlidingPointers`. */
  readonly pointers: string;
  /** Which CUDA kernel is to be made: `SlidingOptions`. */
  readonly options: string;
  readonly arrays: string;
  readonly result: string;
  /** What the selections chose, by their names: `SlidingSelected`. */
  readonly selected: string;
  readonly call: string;
  /** The function that makes one: `createSliding`. */
  readonly create: string;
  /** What {@link tune} is told, and the function that measures: `tuneSliding`. */
  readonly tuning: string;
  readonly tune: string;
  readonly requirements: string;
  /** The constant with the launch manifest. */
  readonly module: string;
  /** The constant with table number i, if the declaration reads tables. */
  readonly table: (index: number) => string;
}

function namesFrom(base: string): OperatorNames {
  const pascal = pascalCase(base);
  const camel = camelCase(base);
  return {
    operator: pascal,
    shape: `${pascal}Shape`,
    buffers: `${pascal}Buffers`,
    pointers: `${pascal}Pointers`,
    options: `${pascal}Options`,
    arrays: `${pascal}Arrays`,
    result: `${pascal}Result`,
    selected: `${pascal}Selected`,
    call: `${pascal}Call`,
    create: `create${pascal}`,
    tuning: `${pascal}Tuning`,
    tune: `tune${pascal}`,
    requirements: `${camel}Requirements`,
    module: `${camel}Module`,
    table: (index) => `${camel}Table${index}`,
  };
}

/**
 * Names for the operators of one file. Where two declarations (`a_b` and `aB`, or `x` and `x_shape`)
 * or a declaration and a reserved name would meet, the later one gets a number at its end.
 */
export function operatorNames(
  declarations: readonly { readonly name: string; readonly tables: number }[],
  reserved: Iterable<string>,
): OperatorNames[] {
  const taken = new Set(reserved);
  return declarations.map(({ name, tables }) => {
    for (let attempt = 1; ; attempt++) {
      const names = namesFrom(attempt === 1 ? name : `${name}_${attempt}`);
      const all = listOf(names, tables);
      if (all.some((each) => taken.has(each))) continue;
      for (const each of all) taken.add(each);
      return names;
    }
  });
}

/** All identifiers that an operator's names put into a file. */
export function listOf(names: OperatorNames, tables: number): string[] {
  const { table, ...fixed } = names;
  return [...Object.values(fixed), ...Array.from({ length: tables }, (_, i) => table(i))];
}

/** A property key: quoted where it is not an identifier. */
export function propertyKey(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
