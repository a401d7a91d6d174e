/** Runs `body` with variables of the environment set; undefined unsets one. */
export async function withEnvironment<T>(variables: Readonly<Record<string, string | undefined>>, body: () => T | Promise<T>): Promise<T> {
  const set = (values: Readonly<Record<string, string | undefined>>): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  set(variables);
  try {
    return await body();
  } finally {
    set(before);
  }
}
