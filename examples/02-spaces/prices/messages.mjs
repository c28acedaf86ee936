// gRPC messages of strings alone: {1: 'mug'} is field 1 of a protobuf message, in gRPC's frame of five bytes.

const LENGTH_DELIMITED = 2;
const FRAME = 5;

/** Gives the frame of a message with these fields, each shorter than 128 bytes. */
export function encode(fields) {
  const parts = Object.entries(fields).map(([number, text]) => {
    const bytes = Buffer.from(text);
    return Buffer.concat([Buffer.from([(number << 3) | LENGTH_DELIMITED, bytes.length]), bytes]);
  });
  const message = Buffer.concat(parts);
  const frame = Buffer.alloc(FRAME); // byte 0: not compressed
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** Gives the fields of the message in a frame. */
export function decode(frame) {
  if (frame.length < FRAME || frame[0] !== 0 || frame.length !== FRAME + frame.readUInt32BE(1)) {
    throw new Error('not one uncompressed gRPC message');
  }
  const fields = {};
  for (let at = FRAME; at < frame.length; at += 2 + frame[at + 1]) {
    if ((frame[at] & 7) !== LENGTH_DELIMITED || frame[at + 1] > 127) throw new Error('not a short string');
    fields[frame[at] >> 3] = frame.toString('utf8', at + 2, at + 2 + frame[at + 1]);
  }
  return fields;
}
