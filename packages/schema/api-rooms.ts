/** The part of the API's table about rooms: for those who sit in one, and for leads. */
import { z } from "zod";
import { get, Ok, type Operation, post, who } from "./operation.ts";
import {
  AskedRoom,
  Debriefing,
  Extend,
  Lobby,
  LobbyQuery,
  NewRooms,
  OfferPractice,
  OwnRoom,
  Practising,
  Reasoned,
  Reseat,
  RoomBeat,
  RoomDetail,
  RoomDraft,
  RoomMove,
  SeatPage,
  SeatTerms,
  SeenInRoom,
  SeenQuery,
  StartedRoom,
  TermsAnswer,
} from "./rooms.ts";

export const roomOperations = {
  // a seat
  ownRooms: get("/api/rooms/mine", who.people, "the rooms one sits in, what waits for one first", {
    reply: z.array(OwnRoom),
  }),
  seatPage: get("/api/rooms/:id/seat", who.people, "a room as one's seat may see it", {
    reply: SeatPage,
  }),
  practising: get(
    "/api/rooms/practice",
    who.people,
    "rooms to practise on, and how one did so far",
    {
      reply: Practising,
    },
  ),
  practise: post("/api/rooms/practice", who.people, "opens a practice room in which one judges", {
    reply: StartedRoom,
  }),
  seatTerms: get("/api/rooms/:id/terms", who.people, "what one is asked before one sits there", {
    reply: SeatTerms,
  }),
  answerTerms: post("/api/rooms/:id/terms", who.people, "agrees, or gives the seat back", {
    body: TermsAnswer,
    reply: Ok,
  }),
  roomDebriefing: get(
    "/api/rooms/:id/debriefing",
    who.people,
    "what was true in a room in which one sat, once it is over",
    { reply: Debriefing },
  ),
  debriefed: post("/api/rooms/:id/debriefing", who.people, "says that one has read it", {
    reply: Ok,
  }),
  playMove: post("/api/rooms/:id/moves", who.people, "makes a move of one's seat", {
    body: RoomMove,
    reply: SeatPage,
  }),
  undoOwnMove: post(
    "/api/rooms/:id/undo",
    who.people,
    "takes one's last move back, until it is revealed",
    { body: z.strictObject({ id: RoomMove.shape.id }), reply: SeatPage },
  ),
  saveRoomDraft: post("/api/rooms/:id/draft", who.people, "keeps what one has not said yet", {
    body: RoomDraft,
    reply: Ok,
  }),
  roomBeat: post("/api/rooms/:id/beat", who.people, "says that one is here, and doing what", {
    body: RoomBeat,
    reply: Ok,
  }),
  leaveRoom: post("/api/rooms/:id/leave", who.people, "leaves one's seat, which is empty then", {
    body: Reasoned,
    reply: Ok,
  }),
  seatEvents: get("/api/rooms/:id/events", who.people, "a word when one's view has changed", {
    replyAs: "text/event-stream",
  }),
  readRoom: get(
    "/api/rooms/:id/read",
    who.people,
    "a room as one page to read: as one's seat sees it, or once it is over",
    { replyAs: "text/html" },
  ),

  // leads
  listRooms: get("/api/rooms", who.staff, "rooms: who waits for whom since when", {
    query: LobbyQuery,
    reply: Lobby,
  }),
  startRoom: post("/api/rooms", who.staff, "starts a room", {
    body: AskedRoom,
    reply: StartedRoom,
  }),
  seenInRooms: get(
    "/api/rooms/seen",
    who.staff,
    "what a person saw in rooms, or who saw a room's text",
    {
      query: SeenQuery,
      reply: z.array(SeenInRoom),
    },
  ),
  startRooms: post("/api/rooms/several", who.staff, "starts a room for each of some questions", {
    body: NewRooms,
    reply: z.array(StartedRoom),
  }),
  getRoom: get("/api/rooms/:id", who.staff, "a room: who sat where, what facilitators did", {
    reply: RoomDetail,
  }),
  roomFile: get("/api/rooms/:id/file", who.staff, "a room's rules and moves, as a file", {
    replyAs: "application/json",
  }),
  reseat: post("/api/rooms/:id/seats/:seat", who.staff, "puts somebody else into a seat", {
    body: Reseat,
    reply: Ok,
  }),
  pokeSeat: post("/api/rooms/:id/seats/:seat/poke", who.staff, "reminds whoever is waited for", {
    reply: Ok,
  }),
  undoSeat: post("/api/rooms/:id/seats/:seat/undo", who.staff, "takes a seat's last move back", {
    body: Reasoned,
    reply: Ok,
  }),
  extendRound: post("/api/rooms/:id/extend", who.staff, "gives the round more time", {
    body: Extend,
    reply: Ok,
  }),
  offerPractice: post(
    "/api/rooms/:id/practice",
    who.staff,
    "offers a room that is over to practise on, or no more",
    { body: OfferPractice, reply: Ok },
  ),
  annulRoom: post("/api/rooms/:id/annul", who.staff, "ends a room without a verdict", {
    body: Reasoned,
    reply: Ok,
  }),
} as const satisfies Record<string, Operation>;
