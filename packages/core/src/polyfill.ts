// Realms that Node did not set up itself (a vm context, a test runner's sandbox) lack these symbols on Node 20.
for (const name of ['dispose', 'asyncDispose'] as const)
  if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) })
