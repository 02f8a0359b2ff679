import {
  type Cancel,
  ChatError,
  type ClientFrame,
  CLOSE_CODES,
  type CloseReason,
  type Codec,
  DEFAULT_PRIVACY,
  type HelloFrame,
  isChatError,
  newUuid,
  PROTOCOL_MINOR,
  type RefreshTokenFrame,
  type SendMessageFrame,
  type ServerFrame,
  type SetTypingFrame,
} from "@chat/protocol";
import type { Place } from "../admission/door.js";
import { loggableDefect, loggableError } from "../admission/loggable-error.js";
import type { FairReads } from "../admission/fair-reads.js";
import type { Allowance, OperationRates } from "../admission/operation-rates.js";
import { sendWithinRate } from "../admission/send-within-rate.js";
import type { StoreFailures } from "../admission/store-failures.js";
import type { Tally } from "../admission/tally.js";
import type { ChangeFollower } from "../delivery/change-follower.js";
import type { Deliverer } from "../delivery/deliverer.js";
import type { Recipient } from "../delivery/recipient.js";
import type { OperationContext } from "../operations/operation-context.js";
import { setTyping } from "../operations/set-typing.js";
import { rewrittenIn } from "../operations/rewritten-in.js";
import type { Registry, ServerIdentity, SessionRecord } from "../registry/registry.js";
import type { AppendOutcome } from "../store/message-store.js";
import { answerRequest, classOf, type PlainRequest } from "./answer-request.js";
import { type Authenticate, type Authenticated, authenticateWithin } from "./authenticate.js";
import { concerns, type Disconnection } from "./disconnection.js";
import { errorFrame } from "./error-frame.js";
import { FloodGuard, type FloodRates } from "./flood-guard.js";
import { Heartbeat } from "./heartbeat.js";
import { Lanes } from "./lanes.js";
import { SendQueue, type SendQueueEnvironment } from "./send-queue.js";
import type { Peer, Socket } from "./socket.js";
import { TokenLife } from "./token-life.js";

/** What sessions share. */
export interface SessionEnvironment {
  readonly context: OperationContext;
  readonly codec: Codec<ServerFrame, ClientFrame>;
  readonly authenticate: Authenticate;
  readonly deliverer: Deliverer;
  readonly follower: Pick<ChangeFollower, "position" | "readAt">;
  readonly registry: Registry;
  readonly identity: ServerIdentity;
  readonly rates: OperationRates;
  readonly reads: FairReads;
  readonly tally: Tally;
  readonly failures: StoreFailures;
  readonly flood: FloodRates;
  readonly queues: SendQueueEnvironment;
  /** Resolves when the server is ready; rejects with the ChatError that keeps it from being so. */
  ready(): Promise<{ readonly epoch: string }>;
  /** The session speaks for a device as the leader of this number. Returns false if a later one does already. */
  claim(session: Session, record: SessionRecord, leader: number): boolean;
  /** A session is open, of whose device something was heard at this time, monotonic ms. */
  opened(heardAt: number): void;
  /** Called once, when a session is over. */
  ended(session: Session): void;
}

/** Why a connection is closed after an error of these codes. */
const REASONS: ReadonlyMap<string, CloseReason> = new Map([
  ["frame_too_large", "tooLarge"],
  ["rate_limited", "rateLimited"],
  ["unauthenticated", "unauthenticated"],
]);

type State = "awaiting-hello" | "joining" | "open" | "closed";

/** One socket's life: handshake, requests, deliveries, end. */
export class Session implements Recipient {
  readonly #environment: SessionEnvironment;
  readonly #socket: Socket;
  /** Until the session has joined: its headers are some kilobytes. */
  #peer: Peer | undefined;
  readonly #place: Place;
  readonly #flood: FloodGuard;
  readonly #queue: SendQueue;
  /** From the first message on. */
  #lanes: Lanes | undefined;
  readonly #heartbeat: Heartbeat;
  /** Of a token that expires. */
  #token: TokenLife | undefined;
  /** What this connection may ask for; from the welcome on. */
  #allowance: Allowance = { take: () => undefined };
  #state: State = "awaiting-hello";
  #userId = "";
  #deviceId = "";
  #record: SessionRecord | undefined;
  #cancelTimer: Cancel = nothing;
  /** What came while it was not known yet whom it concerns. */
  #disconnections: Disconnection[] | undefined;
  #underWay = 0;
  #draining = false;

  /** @param place taken for the socket; whoever took it gives it back when the socket is gone */
  constructor(environment: SessionEnvironment, socket: Socket, peer: Peer, place: Place) {
    this.#environment = environment;
    this.#socket = socket;
    this.#peer = peer;
    this.#place = place;
    const { runtime, settings } = environment.context;
    this.#flood = new FloodGuard(runtime.clock, environment.flood);
    this.#queue = new SendQueue(socket, environment.queues, this);
    this.#heartbeat = new Heartbeat(runtime.clock);
    this.#cancelTimer = runtime.clock.schedule(settings.helloDeadline, () => {
      if (this.#state === "awaiting-hello") {
        this.#fail(new ChatError("hello_timeout", "No hello came in time."), "helloTimeout");
      }
    });
  }

  get userId(): string {
    return this.#userId;
  }

  get deviceId(): string {
    return this.#deviceId;
  }

  /** The registry's record of this session, once it has joined. */
  get record(): SessionRecord | undefined {
    return this.#record;
  }

  /** When something came from the device last, once the session is open; monotonic ms. */
  get heardAt(): number | undefined {
    return this.#state === "open" ? this.#heartbeat.heardAt : undefined;
  }

  /** Requests that have no answer yet. */
  get requestsUnderWay(): number {
    return this.#underWay;
  }

  /** Takes the bytes of one WebSocket message. */
  receive(bytes: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#heartbeat.heard();
    let frames;
    try {
      this.#flood.takeBytes(bytes.length);
      frames = this.#environment.codec.decode(bytes);
      this.#flood.takeFrames(frames.length);
    } catch (error) {
      const failure = this.#toChatError(error);
      this.#fail(failure, REASONS.get(failure.code) ?? "malformed");
      return;
    }
    this.#environment.tally.framesReceived += frames.length;
    for (const frame of frames) {
      if (this.isOver) return;
      if (this.#state === "awaiting-hello" && frame.type !== "hello") {
        this.#fail(new ChatError("hello_expected", "The first frame must be a hello."), "malformed");
      } else if (frame.type === "invalid") {
        if (this.#state === "awaiting-hello" || frame.requestId === 0) this.#fail(frame.error, "malformed");
        else this.#answerError(frame.requestId, frame.error);
      } else if (frame.type === "unknown") {
        const error = new ChatError(
          "unsupported",
          `This server knows no request with the code ${frame.code}.`,
        );
        // Without an id there is nobody to answer to: no device has a reason to send that.
        if (frame.requestId === 0) this.#fail(error, "malformed");
        else this.#answerError(frame.requestId, error);
      } else {
        this.#handle(frame);
      }
    }
  }

  /** A ping or pong of WebSocket itself came: no sign of life to us, but work all the same. */
  controlFrame(): void {
    if (this.isOver) return;
    try {
      this.#flood.takeFrames(1);
    } catch (error) {
      this.#fail(this.#toChatError(error), "rateLimited");
    }
  }

  /** The socket is gone. */
  socketClosed(): void {
    this.#end();
  }

  /** Refuses what is still to come. */
  refuseAll(): void {
    this.#draining = true;
  }

  /** Says when to come back. */
  sendAway(reconnectDelay: number): void {
    if (this.#state === "open") this.#send({ type: "going-away", reconnectDelay });
  }

  deliver(frame: Uint8Array): void {
    if (this.#state !== "closed") this.#queue.push(frame);
  }

  offer(frame: Uint8Array, conversationId?: string): boolean {
    if (this.#state === "closed") return true;
    const fits = !this.#queue.isCrowded;
    if (fits) this.#queue.push(frame);
    else if (conversationId !== undefined) this.#heartbeat.leftOut(conversationId);
    return fits;
  }

  /** More waits for the device than may. */
  overflowed(): void {
    this.close("slowConsumer");
  }

  resync(): void {
    this.close("goingAway");
  }

  /** Ends the session if it is meant: the device may connect again, and is authenticated again. */
  disconnect(whom: Disconnection): void {
    if (this.#state === "joining" && this.#userId === "") (this.#disconnections ??= []).push(whom);
    else if (this.#userId !== "" && concerns(whom, this)) this.#fail(disconnected(), "unauthenticated");
  }

  /** Sends what waits, then closes the socket for a reason. */
  close(reason: CloseReason): void {
    if (this.#state === "closed") return;
    if (reason === "slowConsumer") {
      this.#environment.tally.slowConsumers++;
      this.#environment.context.runtime.log("warn", "slow_consumer", { userId: this.#userId });
    } else {
      this.#queue.flush();
    }
    this.#end();
    this.#socket.close(CLOSE_CODES[reason].code, reason);
  }

  private get isOver(): boolean {
    return this.#state === "closed";
  }

  #handle(frame: ClientFrame): void {
    if (frame.type === "hello") {
      if (this.#state === "awaiting-hello") void this.#join(frame);
      else this.#fail(new ChatError("hello_expected", "A connection has one hello."), "malformed");
    } else if (this.#state === "joining") {
      this.#fail(new ChatError("hello_expected", "Wait for the welcome before asking."), "malformed");
    } else if (frame.type === "ping") {
      const { deliverer, follower } = this.#environment;
      if (!this.#queue.isCrowded) this.#heartbeat.makeUp(this.#userId, deliverer);
      this.#send(this.#heartbeat.pong(frame.requestId, this.#userId, deliverer, follower));
    } else if (this.#draining) {
      this.#answerError(
        frame.requestId,
        new ChatError("shutting_down", "The server is going away; reconnect."),
      );
    } else if (
      this.#underWay >= this.#environment.context.settings.requestsUnderWay &&
      frame.type !== "send-message"
    ) {
      this.#answerError(
        frame.requestId,
        new ChatError("overloaded", "Too many requests are under way; wait for answers."),
      );
    } else if (frame.type === "send-message") {
      this.#underWay++;
      this.#lanes ??= this.#openLanes();
      this.#lanes.push(frame);
    } else if (frame.type === "set-typing") {
      this.#typing(frame);
    } else if (frame.type === "refresh-token") {
      void this.#refresh(frame);
    } else {
      const operation = classOf(frame);
      const refusal = this.#allowance.take(operation);
      if (refusal !== undefined) return this.#answerError(frame.requestId, refusal);
      this.#underWay++;
      if (operation === "write") void this.#answer(frame);
      else void this.#environment.reads.run(this.#userId, () => this.#answer(frame));
    }
  }

  /** Never rejects. */
  async #answer(frame: PlainRequest): Promise<void> {
    try {
      // Its turn may have come when nobody waits for it any more.
      if (!this.isOver) this.#send(await answerRequest(this.#environment.context, this, frame));
    } catch (error) {
      this.#answerError(frame.requestId, this.#toChatError(error));
    } finally {
      this.#underWay--;
    }
  }

  /** Answered only if it is refused. */
  #typing(frame: SetTypingFrame): void {
    const refusal = this.#allowance.take("write");
    if (refusal !== undefined) return this.#answerError(frame.requestId, refusal);
    this.#underWay++;
    setTyping(this.#environment.context, this, frame)
      .catch((error: unknown) => this.#answerError(frame.requestId, this.#toChatError(error)))
      .finally(() => {
        this.#underWay--;
      });
  }

  async #join(hello: HelloFrame): Promise<void> {
    this.#state = "joining";
    const { context, deliverer, registry, identity } = this.#environment;
    const { runtime, settings } = context;
    try {
      const { epoch } = await this.#environment.ready();
      const { userId, expiresAt } = await this.#authenticate(hello.token);
      if (hello.userId !== undefined && hello.userId !== userId) {
        throw new ChatError("unauthenticated", "The token belongs to another user than the hello names.");
      }
      if (this.isOver) return;
      // Who asks for a refresh is told to the application once more.
      if (expiresAt === undefined) this.#peer = undefined;
      const { deviceId } = hello;
      // The application may have looked at the token before it was told to refuse it.
      if (this.#disconnections?.some((whom) => concerns(whom, { userId, deviceId })) === true) {
        throw disconnected();
      }
      this.#place.identify(userId);
      this.#allowance = this.#environment.rates.ofConnection(userId);
      this.#userId = userId;
      this.#deviceId = deviceId;
      this.#record = { userId, deviceId, connectionId: newUuid(runtime.random) };
      if (hello.leader !== undefined && !this.#environment.claim(this, this.#record, hello.leader)) {
        return this.close("replaced");
      }
      await registry.register(identity, this.#record);
      this.#heartbeat.begin(deliverer.runs);
      await deliverer.attach(this);
      // Read once the session is told of changes, so that none falls in between.
      const privacy = (await context.conversations.privacies([userId])).get(userId);
      deliverer.privacyRead(userId, privacy ?? DEFAULT_PRIVACY);
      if (!this.isOver) context.presence.attach(this);
      if (this.isOver) {
        // The socket went away meanwhile, and its end found nothing to undo.
        this.#leave();
        return;
      }
      this.#state = "open";
      this.#cancelTimer();
      this.#cancelTimer = nothing;
      this.#environment.opened(this.#heartbeat.heardAt);
      this.#queue.release(
        this.#environment.codec.encode({
          type: "welcome",
          requestId: hello.requestId,
          minor: PROTOCOL_MINOR,
          capabilities: [],
          userId,
          epoch,
          heartbeatInterval: settings.heartbeatInterval,
          serverTime: runtime.clock.now(),
          textCharacters: settings.textCharacters,
          receiptMembers: settings.receiptMembers,
          ...(privacy && { privacy }),
        }),
      );
      if (expiresAt !== undefined) this.#watchToken(expiresAt);
      runtime.log("info", "session_open", { userId, deviceId });
    } catch (error) {
      const failure = this.#toChatError(error);
      if (this.#record !== undefined) this.#leave();
      this.#fail(failure, REASONS.get(failure.code) ?? "goingAway", hello.requestId);
    }
  }

  #openLanes(): Lanes {
    const { context } = this.#environment;
    return new Lanes(
      context.settings.laneMessages,
      (conversationId, messages, memberships) =>
        sendWithinRate(context, this.#allowance, this, conversationId, messages, memberships),
      (message, outcome) => this.#answerSend(message, outcome),
    );
  }

  #authenticate(token: string): Promise<Authenticated> {
    const { context, authenticate } = this.#environment;
    const { runtime, settings } = context;
    return authenticateWithin(settings.authenticateDeadline, runtime, authenticate, {
      ...this.#peer!,
      token,
    });
  }

  #watchToken(expiresAt: number): void {
    const { runtime, settings } = this.#environment.context;
    this.#token = new TokenLife(
      runtime.clock,
      settings.tokenRefreshLead,
      (expiresIn) => this.#send({ type: "token-expiring", expiresIn }),
      () => this.#fail(new ChatError("unauthenticated", "The token has expired."), "unauthenticated"),
    );
    this.#token.begin(expiresAt);
  }

  /** Takes a new token for this connection: of the same user, and one at a time. */
  async #refresh({ requestId, token }: RefreshTokenFrame): Promise<void> {
    const life = this.#token;
    if (life === undefined) {
      return this.#answerError(
        requestId,
        new ChatError("unsupported", "The token of this connection does not expire."),
      );
    }
    const refusal = life.isRefreshing
      ? new ChatError("overloaded", "Another token is being checked; wait for its answer.")
      : this.#allowance.take("write");
    if (refusal !== undefined) return this.#answerError(requestId, refusal);
    life.beginRefresh();
    this.#underWay++;
    try {
      const { userId, expiresAt } = await this.#authenticate(token);
      if (this.isOver) return;
      if (userId !== this.#userId) {
        const error = new ChatError("unauthenticated", "The new token belongs to another user.");
        return this.#fail(error, "unauthenticated", requestId);
      }
      life.begin(expiresAt);
      this.#send({ type: "token-refreshed", requestId });
    } catch (error) {
      if (this.isOver) return;
      this.#answerError(requestId, this.#toChatError(error));
      life.refreshFailed();
    } finally {
      this.#underWay--;
    }
  }

  #answerSend({ requestId, ...sent }: SendMessageFrame, outcome: AppendOutcome): void {
    this.#underWay--;
    if (outcome.status === "refused") {
      this.#answerError(requestId, this.#toChatError(outcome.error));
      return;
    }
    this.#environment.tally.acknowledged++;
    const { messageId, createdAt, ordinal, fingerprint, redacted } = outcome.entry;
    const rewritten = redacted === true ? undefined : rewrittenIn(outcome.entry, sent);
    this.#send({
      type: "message-stored",
      ...{ requestId, messageId, createdAt, ordinal, fingerprint },
      ...(rewritten && { rewritten }),
      ...(redacted === true && { redacted }),
    });
  }

  #answerError(requestId: number, error: ChatError): void {
    this.#environment.tally.refused(error.code);
    this.#send(errorFrame(requestId, error));
  }

  /** What isn't a ChatError is a defect here: it is logged, and the device learns no details. */
  #toChatError(error: unknown): ChatError {
    if (isChatError(error)) {
      if (error.code === "internal" && error.cause !== undefined) this.#logDefect(error.cause);
      return this.#environment.failures.told(error);
    }
    this.#logDefect(error);
    return new ChatError("internal", "The server failed; try again.");
  }

  #logDefect(error: unknown): void {
    this.#environment.context.runtime.log("error", "request_failed", {
      userId: this.#userId,
      ...loggableDefect(error),
    });
  }

  /** Reports what is wrong with the connection itself, and closes it. */
  #fail(error: ChatError, reason: CloseReason, requestId = 0): void {
    if (this.isOver) return;
    this.#environment.tally.refused(error.code);
    const frame = this.#environment.codec.encode(errorFrame(requestId, error));
    if (this.#state === "open") this.#queue.push(frame);
    else this.#socket.send(frame);
    this.close(reason);
  }

  /** Queues an answer. */
  #send(frame: ServerFrame): void {
    if (this.#state !== "closed") this.#queue.push(this.#environment.codec.encode(frame), true);
  }

  #end(): void {
    if (this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    this.#cancelTimer();
    this.#token?.end();
    this.#queue.clear();
    if (wasOpen) this.#leave();
    this.#environment.ended(this);
  }

  #leave(): void {
    const { deliverer, registry, identity, context } = this.#environment;
    deliverer.detach(this);
    context.presence.detach(this, this.#heartbeat.silentFor);
    if (this.#record === undefined) return;
    registry.unregister(identity, this.#record).catch((error: unknown) => {
      // The record goes with the lease.
      context.runtime.log("warn", "unregister_failed", { ...loggableError(error) });
    });
  }
}

function nothing(): void {}

function disconnected(): ChatError {
  return new ChatError("unauthenticated", "The application has ended this connection; connect again.");
}
