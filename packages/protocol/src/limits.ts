/**
 * Every maximum of the wire, by name. Both sides check them before they allocate.
 * Sizes are bytes unless the name says otherwise; text is counted in Unicode code points.
 */
export const LIMITS = {
  /** Bytes of one WebSocket message, which holds one or more frames. Also the `maxPayload` of the server's sockets. */
  wireMessageBytes: 1_048_576,
  /** Frames in one WebSocket message. */
  framesPerWireMessage: 512,
  /** Nesting of arrays and maps inside one frame. */
  frameDepth: 16,
  /** Values (array, map, string, number…) inside one frame of a device. */
  requestNodes: 16_384,
  /** Values inside one frame of a server. */
  answerNodes: 300_000,
  /** UTF-8 bytes of a conversation id, user id or custom entry kind. */
  idBytes: 128,
  /** UTF-8 bytes of an authentication token. */
  tokenBytes: 8_192,
  /** Code points of a message's text, unless the server sets another figure (S0: 4,096). */
  textCharacters: 4_096,
  /** The highest figure that a server may set for `textCharacters` (S1: 100,000). */
  textCharactersCeiling: 100_000,
  /** UTF-8 bytes of `data` as compact JSON, on an entry, a conversation or a user. */
  dataBytes: 4_096,
  /** Nesting of `data`. */
  dataDepth: 8,
  /** Users that one message mentions. */
  mentionsPerMessage: 50,
  /** Code points of a conversation's or user's name. */
  nameCharacters: 200,
  /** UTF-8 bytes of an avatar's URL. */
  urlBytes: 2_048,
  /** Code points of the latest message's text in a conversation row. */
  snippetCharacters: 160,
  /** Entries in one range answer or one push. */
  rangeEntries: 200,
  /** Bytes of entries after which a range answer ends early (it then covers less). */
  rangeBytes: 262_144,
  /** Conversation rows in one page of the list, or of its changes. */
  pageRows: 200,
  /** Bytes of rows after which a page ends early. */
  pageBytes: 262_144,
  /** Members named in one request (creating a conversation, adding, removing) and in one page of members. */
  membersPerRequest: 500,
  /** Members of one conversation, unless the server sets another figure (S0: 10,000). */
  groupMembers: 10_000,
  /** Up to so many members of a conversation are told how far each other has come, unless the server sets another figure. */
  receiptMembers: 100,
  /** Other members in one row; a server's `receiptMembers` is not above it. */
  receiptsPerRow: 500,
  /** Conversations whose receipts one request moves. */
  receiptsPerRequest: 200,
  /** Users whom one user may block. */
  blockedUsers: 1_000,
  /** Times that one user may join one conversation; each is an interval of visible history. */
  intervalsPerMember: 1_000,
  /** Users asked for in one request; so many of the largest profiles fit into one WebSocket message. */
  usersPerRequest: 80,
  /** Users whose profile changes one connection is told of. */
  watchedUsers: 2_000,
  /** Users whose presence is asked for, or no longer watched, in one request. */
  presencesPerRequest: 200,
  /** Users of whose presence all connections of one user to one server together are told. */
  watchedPresences: 2_000,
  /** Ways by which one server can reach devices that are not connected. */
  pushProviders: 16,
  /** Bytes of the name of one. */
  pushProviderBytes: 64,
  /** Capabilities named in a hello or a welcome. */
  capabilities: 32,
  /** Bytes of an opaque cursor. */
  cursorBytes: 1_024,
  /** Conversation heads in one pong; what is beyond comes with the next. */
  headsPerPong: 1_000,
  /** Code points of an error's sentence. */
  errorMessageCharacters: 500,
} as const;
