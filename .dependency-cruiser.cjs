/** The import rules of ARCHITECTURE.md, so that nobody has to remember them. */
const onlyIn = (name, vendor, folder) => ({
  name,
  comment: `${vendor} is named in ${folder} and nowhere else`,
  severity: 'error',
  from: { pathNot: folder },
  to: { path: `node_modules/${vendor}(/|$)` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'commands-are-the-top',
      severity: 'error',
      from: { pathNot: '^src/((main|run|cli)\\.ts|commands/)' },
      to: { path: '^src/((main|run|cli)\\.ts|commands/)' },
    },
    {
      name: 'only-main-builds-adapters',
      comment: 'a feature sees ports; adapters are put together in src/main.ts and src/wiring/',
      severity: 'error',
      from: {
        pathNot:
          '^src/(main\\.ts|wiring/|discovery/(mdns|os|tcp)/|transport/(docker|ssh|tcp)/|image/[a-z]+/|build/(state|registry)/|sync/state/|project/yaml/|shell/tcp/|watch/(directories|chokidar|polling|recursive)/|ui/)',
      },
      to: {
        path: '^src/(discovery/(mdns|os|tcp)|transport/(docker|ssh|tcp)|image/(fat|drive|decode|file|remote)|build/(state|registry)|sync/state|project/yaml|shell/tcp|watch/(directories|chokidar|polling|recursive))/',
      },
    },
    {
      name: 'core-knows-no-terminal',
      severity: 'error',
      from: { path: '^src/(discovery|transport|project|sync|build|push|watch|image|logs)/' },
      to: { path: '^src/ui/' },
    },
    onlyIn('dockerode-in-one-adapter', 'dockerode', '^src/transport/docker/'),
    onlyIn('ssh2-in-one-adapter', 'ssh2', '^src/transport/ssh/'),
    onlyIn('dns-packet-in-one-adapter', 'dns-packet', '^src/discovery/mdns/'),
    onlyIn('inquirer-in-one-adapter', '(inquirer|@inquirer)', '^src/ui/'),
    onlyIn('chokidar-in-one-adapter', 'chokidar', '^src/watch/chokidar/'),
    onlyIn('yaml-in-one-adapter', '(yaml|js-yaml)', '^src/project/'),
    onlyIn('commander-in-the-commands', 'commander', '^src/(cli|run)\\.ts|^src/commands/'),
    onlyIn('ignore-in-one-file', 'ignore', '^src/sync/ignore-rules\\.ts'),
    onlyIn('dockerignore-in-one-file', '@balena/dockerignore', '^src/build/docker-ignore\\.ts'),
    onlyIn('dockerfile-ast-in-one-file', 'dockerfile-ast', '^src/build/dockerfile\\.ts'),
    onlyIn('pbf-in-one-adapter', 'pbf', '^src/transport/docker/'),
    onlyIn('xz-in-one-adapter', 'xz-decompress', '^src/image/decode/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
