import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { ScanRow } from '../../../src/discovery/scan.js';
import { renderScan } from '../../../src/ui/render-scan.js';

const row = (part: Partial<ScanRow>): ScanRow => ({
  name: 'kitchen',
  address: '10.0.0.5',
  addresses: ['10.0.0.5'],
  kind: 'development',
  sshPort: 22222,
  enginePort: 2375,
  info: {
    id: 'A',
    version: '20.10.24',
    architecture: 'armv7l',
    hostname: 'kitchen',
    operatingSystem: 'balenaOS',
    runningContainers: 2,
  },
  trouble: undefined,
  ...part,
});

async function* streamOf(...rows: ScanRow[]): AsyncGenerator<ScanRow> {
  for (const next of rows) yield await Promise.resolve(next);
}

async function rendered(asJson: boolean, ...rows: ScanRow[]): Promise<string> {
  const output = new PassThrough();
  await renderScan(streamOf(...rows), output, asJson);
  output.end();
  return text(output);
}

describe('the table of a scan', () => {
  it('has a title line and a line for each device', async () => {
    expect((await rendered(false, row({}))).split('\n')).toEqual([
      'NAME              ADDRESS          KIND         ENGINE          ARCH     RUNNING',
      'kitchen           10.0.0.5         development  20.10.24        armv7l   2',
      '',
    ]);
  });

  it('shows what is not known as a dash, with the reason', async () => {
    const hanging = row({ info: undefined, trouble: 'the engine on port 2375 answers no questions' });
    const [, line] = (await rendered(false, hanging)).split('\n');
    expect(line).toMatch(/development\s+-\s+-\s+-\s+the engine on port 2375 answers no questions$/);
  });

  it('stays in line after a long name, by columns and not by characters', async () => {
    const lines = (
      await rendered(false, row({ name: 'a-very-long-name-of-a-device' }), row({ name: '厨房' }))
    ).split('\n');
    expect(lines[1]?.indexOf('10.0.0.5')).toBe(30);
    // Two wide characters take four columns.
    expect(lines[2]?.indexOf('10.0.0.5')).toBe(28);
  });

  it('has room for the versions of a distribution in a terminal of 80 columns', async () => {
    const info = {
      id: 'A',
      architecture: 'aarch64',
      hostname: '',
      operatingSystem: '',
      runningContainers: 2,
    };
    const lines = (
      await rendered(false, row({}), row({ info: { ...info, version: '20.10.24+dfsg1' } }))
    ).split('\n');
    expect(lines[2]?.indexOf('aarch64')).toBe(lines[0]?.indexOf('ARCH'));
    expect(lines[0]).toHaveLength(80);
  });

  it('prints a row before the next one is there', async () => {
    const output = new PassThrough();
    let goOn: () => void = () => undefined;
    const second = new Promise<void>((resolve) => (goOn = resolve));
    async function* slowly(): AsyncGenerator<ScanRow> {
      yield row({});
      await second;
    }
    const rendering = renderScan(slowly(), output, false);
    await new Promise((printed) => output.once('readable', printed));
    expect(String(output.read())).toContain('kitchen');
    goOn();
    await rendering;
  });

  it('prints nothing at all without a device', async () => {
    expect(await rendered(false)).toBe('');
  });
});

describe('the JSON of a scan', () => {
  it('is one array', async () => {
    const parsed: unknown = JSON.parse(await rendered(true, row({}), row({ name: 'bath' })));
    expect(parsed).toMatchObject([{ name: 'kitchen', engine: { version: '20.10.24' } }, { name: 'bath' }]);
  });

  it('is an empty array without a device', async () => {
    expect(JSON.parse(await rendered(true))).toEqual([]);
  });
});
