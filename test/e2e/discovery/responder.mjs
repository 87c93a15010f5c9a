// A mDNS responder that says whatever it is told to, to everybody who asks.
// node responder.mjs <own IPv4 address> <packet in base64>...
import { Buffer } from 'node:buffer';
import { createSocket } from 'node:dgram';
import process from 'node:process';

const GROUP = '224.0.0.251';
const PORT = 5353;
const [own, ...packets] = process.argv.slice(2);
const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.on('message', (question, { address, port }) => {
  const isQuestion = question.length >= 12 && (question[2] & 0x80) === 0;
  if (!isQuestion) return;
  for (const packet of packets) {
    const bytes = Buffer.from(packet, 'base64');
    socket.send(bytes, PORT, GROUP);
    if (port !== PORT) socket.send(bytes, port, address);
  }
});
socket.bind(PORT, () => {
  socket.addMembership(GROUP, own);
  socket.setMulticastInterface(own);
  console.log('ready');
});
