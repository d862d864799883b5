/** Rooms that people and models sit in: seats, moves and drafts in the database, and the durable run that attends them. */
export { room, roomId, type RoomResult, roomWorkflow, rulesOf, type Search } from "./drive.ts";
export { facilitate, leaveSeat, poke, requireOutside, reseat } from "./facilitate.ts";
export { onAnyRoom } from "./hub.ts";
export { lobby, roomAsPage, roomDetail, roomFile } from "./lobby.ts";
export { occupantNamed, seatsNamed } from "./named.ts";
export { checkSeats, openRoom } from "./open.ts";
export {
  beatAs,
  ownRooms,
  playAs,
  roomsWaiting,
  saveDraftAs,
  seatChanges,
  seatPage,
  undoAs,
} from "./seat.ts";
