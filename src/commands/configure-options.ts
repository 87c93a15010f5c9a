import { type Command, Option } from 'commander';
import { filled } from './option-values.js';

/** Every setting of `rdt configure`, for commands that set up what they write. */
export function addConfigureOptions(command: Command): Command {
  const group = 'Settings:';
  const add = (flags: string, description: string): void => {
    command.addOption(new Option(flags, description).helpGroup(group));
  };
  const addList = (flags: string, description: string): void => {
    command.addOption(new Option(flags, description).argParser(collect).helpGroup(group));
  };
  command.addOption(
    new Option('--from <file>', 'read settings from a YAML file; options win over it')
      .argParser(filled)
      .helpGroup(group),
  );
  add('--hostname <name>', 'host name');
  add('--persistent-logging', 'keep the journal over reboots');
  add('--no-persistent-logging', 'keep the journal in memory');
  add('--developer-mode', 'engine and ssh open to the network (since 2.85)');
  add('--no-developer-mode', 'as in production');
  add('--wifi-ssid <name>', 'Wi-Fi network');
  add('--wifi-ssid-hex <bytes>', 'Wi-Fi network whose name is no text, in hexadecimal');
  add('--wifi-key <key>', 'its key; others on this machine can see it, so better one of the next three');
  add('--wifi-key-stdin', 'read the key from standard input (or set RDT_WIFI_KEY)');
  add('--wifi-key-file <file>', 'read the key from a file');
  add('--wifi-hidden', 'the network does not announce itself');
  add('--no-wifi-hidden', 'the network announces itself');
  add('--wifi-security <kind>', 'open, wpa-psk, sae or wpa-eap (default: wpa-psk when there is a key)');
  add('--wifi-identity <name>', 'user of a wpa-eap network');
  add('--wifi-anonymous-identity <name>', 'what others see as its user');
  add('--wifi-eap-method <method>', 'peap (default), ttls or pwd');
  add('--wifi-phase2 <method>', 'mschapv2 (default), pap, gtc or md5');
  add('--wifi-ca-file <file>', 'certificate that its server must be signed by');
  add('--wifi-priority <number>', 'higher is tried first');
  add('--country <code>', 'country of the Wi-Fi rules: DE, US, ...');
  add('--static-ip <cidr>', 'address of the Wi-Fi network (of the wired one without Wi-Fi), or auto');
  add('--gateway <address>', 'its gateway');
  addList('--dns <address>', 'name server; may be repeated');
  addList('--ntp <server>', 'time server; may be repeated');
  addList('--ssh-key <file>', 'public keys that may log in; may be repeated');
  addList('--connection <file>', 'NetworkManager profile to store as it is; may be repeated');
  addList('--set <key=value>', 'any key of config.json, value in JSON; may be repeated');
  addList('--unset <key>', 'remove a key of config.json; may be repeated');
  return command;
}

const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];
