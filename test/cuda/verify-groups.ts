import { optionsOf } from "../patterns/pictures.js";

/** An attention to verify, all its parameters by name, and those that are set. */
export interface Wanted {
  readonly target: string;
  readonly params: readonly string[];
  readonly set: Readonly<Record<string, number>>;
}

/** Attentions that one command verifies, and its settings. */
export interface Together {
  readonly targets: readonly string[];
  readonly options: readonly string[];
}

interface Group {
  readonly targets: string[];
  readonly set: Map<string, number>;
  /** Parameters of its attentions that have their defaults. */
  readonly unset: Set<string>;
}

/**
 * Attentions are verified by one command where no setting of one is another's: a command gives a setting to all that have a
 * parameter of that name. The fewer commands, the less often one starts, opens a device and runs code that is not compiled yet.
 */
export function together(all: readonly Wanted[]): readonly Together[] {
  const groups: Group[] = [];
  for (const wanted of all) {
    let group = groups.find((each) => fits(each, wanted));
    if (group === undefined) groups.push((group = { targets: [], set: new Map(), unset: new Set() }));
    group.targets.push(wanted.target);
    for (const param of wanted.params) {
      const value = wanted.set[param];
      if (value === undefined) group.unset.add(param);
      else group.set.set(param, value);
    }
  }
  return groups.map(({ targets, set }) => ({ targets, options: optionsOf(Object.fromEntries(set)) }));
}

const fits = (group: Group, { params, set }: Wanted): boolean =>
  params.every((param) => (set[param] === undefined ? !group.set.has(param) : !group.unset.has(param) && agrees(group, param, set[param])));

const agrees = ({ set }: Group, param: string, value: number): boolean => !set.has(param) || set.get(param) === value;
