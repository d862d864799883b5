/** Time in rooms as it was paid: waiting apart from reading and writing. */
import type { OwnPay } from "@tiller/schema";
import { duration, Scroll } from "../design/components.tsx";
import { money } from "../people/format.ts";

export const RoomPay = ({ pay }: { pay: OwnPay }) =>
  pay.rooms.length === 0 ? null : (
    <Scroll label="Pay for rooms">
      <table className="small">
        <thead>
          <tr>
            {["room", "reading", "writing", "waiting", "due"].map((h) => (
              <th key={h}>{h}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {pay.rooms.map((r) => (
            <tr key={r.room}>
              <td>{r.name}</td>
              <td className="num">{duration(r.reading)}</td>
              <td className="num">{duration(r.writing)}</td>
              <td className="num">{duration(r.waiting)}</td>
              <td className="num">{pay.currency ? money(r.due, pay.currency) : "no rate yet"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
