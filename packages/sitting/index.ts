/** Rooms that people and models sit in: seats, moves and drafts in the database, and the durable run that attends them. */
export { answerTerms, debriefed, debriefingOf, seatTerms } from "./consent.ts";
export { checkRoom, room, roomId, type RoomResult, roomWorkflow, type Search } from "./drive.ts";
export { keepReader, seenInRooms } from "./eligible.ts";
export { facilitate, leaveSeat, poke, requireOutside, reseat } from "./facilitate.ts";
export { onAnyRoom } from "./hub.ts";
export { roomToJudge, type RoomToJudge } from "./judge-again.ts";
export { lobby, roomAsPage, roomDetail, roomFile } from "./lobby.ts";
export { occupantNamed, personNamed, seatsNamed } from "./named.ts";
export { openRoom } from "./open.ts";
export { closedRecords, requireOpenRecord } from "./records.ts";
export { secondsIn, simulatedOf } from "./spent.ts";
export { offerPractice, practiceFor, practiceOffered, practiceRecord } from "./practice.ts";
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
