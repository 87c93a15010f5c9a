import { accepted, type Parsed, quoted, refused } from './parsed.js';

const NAME = '[a-zA-Z0-9][a-zA-Z0-9_.-]*';
const NETWORK = new RegExp(`^(container:)?${NAME}$`);

/** `host`, `bridge`, `none`, `container:<name>` or the name of a network on the device: the engine's `NetworkMode`. */
export function parseNetwork(text: string): Parsed<string> {
  if (NETWORK.test(text)) return accepted(text);
  return refused(`must be host, bridge, none, container:<name> or a network's name, not ${quoted(text)}`);
}
