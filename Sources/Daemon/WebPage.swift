/// The page of the web view, whole: what it shows it gets from `/events`, and it asks for nothing else.
///
/// Sizes hang on the height of the window, so that what can be read on a small monitor can be read from further away on a
/// large one. Texts go into the page as text and never as markup.
enum WebPage {
  /// The page as an answer; its own style and script are told from any other by a number used once (CSP 3, 8.3).
  static func answer() -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    let nonce = String(random.next(), radix: 36) + String(random.next(), radix: 36)
    let policy =
      "default-src 'none'; style-src 'nonce-\(nonce)'; script-src 'nonce-\(nonce)'; connect-src 'self'; img-src data:; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return WebAnswer.whole(
      type: "text/html; charset=utf-8",
      """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>Lineward</title>
      <link rel="icon" href="data:,">
      <style nonce="\(nonce)">\(style)</style>
      </head>
      \(body)
      <script nonce="\(nonce)">\(script)</script>
      </html>

      """, fields: [("Content-Security-Policy", policy)])
  }

  private static let body = """
    <body class="waiting">
    <header><b id="line">Lineward</b><span id="batch"></span><time id="clock"></time></header>
    <div id="old" hidden><b>NO CONNECTION</b> what stands here is old<span id="age"></span></div>
    <section id="state"><h1 id="word">WAITING</h1><div><p id="reason">for the daemon</p><p id="remedy"></p></div></section>
    <section id="next"><b>NEXT</b><p id="todo"></p></section>
    <main>
    <section id="left">
    <div id="progress" hidden><div id="bar"><div id="done"></div></div><p id="count"></p></div>
    <div id="stations"></div>
    </section>
    <section id="right">
    <div id="cases"></div>
    <h2 id="alarmhead"></h2>
    <div id="alarms"></div>
    </section>
    </main>
    <noscript>This page needs JavaScript; without it, use: lineward watch</noscript>
    </body>
    """

  private static let style = """
    :root{--back:#0b0e13;--panel:#151a22;--line:#2a323f;--text:#f2f5f9;--soft:#a9b4c4;--red:#c8102e;--redtext:#ff8080;
    --green:#0b7a3b;--greentext:#6fe39a;--amber:#ffc94d}
    *{box-sizing:border-box;margin:0;padding:0}
    [hidden]{display:none!important}
    html{font-size:clamp(11px,2.5vh,40px)}
    body{background:var(--back);color:var(--text);font-family:"DejaVu Sans","Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
    height:100vh;display:flex;flex-direction:column;gap:.6rem;padding:.7rem 1rem;overflow:hidden;line-height:1.25;
    font-variant-numeric:tabular-nums}
    header{display:flex;align-items:baseline;gap:1.6rem;color:var(--soft);white-space:nowrap;overflow:hidden}
    header b{color:var(--text);font-size:1.4rem}
    header span{flex:1;overflow:hidden;text-overflow:ellipsis}
    #old{background:repeating-linear-gradient(45deg,#ffc94d,#ffc94d 2rem,#ffdd8a 2rem,#ffdd8a 4rem);color:#000;
    padding:.5rem 1rem;font-size:1.7rem;border-radius:.4rem}
    body.old main,body.old #state{filter:grayscale(1);opacity:.45}
    #state{display:flex;align-items:center;gap:2rem;background:#3a4353;border-radius:.5rem;padding:.5rem 1.6rem;min-height:7.4rem}
    body.good #state{background:var(--green)}
    body.bad #state{background:var(--red)}
    h1{font-size:clamp(2.6rem,11vw,5.6rem);line-height:1;letter-spacing:.02em;font-weight:800}
    #state div{flex:1;min-width:0}
    #reason{font-size:1.6rem;font-weight:700;overflow-wrap:anywhere}
    #remedy{font-size:1.15rem;margin-top:.2rem}
    #next{display:flex;gap:1rem;align-items:baseline;background:var(--panel);border-left:.5rem solid var(--amber);
    border-radius:.3rem;padding:.5rem 1rem;font-size:1.5rem}
    #next b{color:var(--amber)}
    #next p{overflow-wrap:anywhere}
    main{flex:1;min-height:0;display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1rem}
    main.calm{grid-template:auto auto/minmax(0,1fr);align-content:start}
    .calm .few .counts span{font-size:3.6rem}
    main section{min-height:0;overflow:hidden;display:flex;flex-direction:column;gap:.6rem}
    #progress,.case,.alarm{background:var(--panel);border-radius:.4rem}
    #progress{padding:.6rem 1rem}
    #bar{height:1.1rem;background:#2a323f;border-radius:.55rem;overflow:hidden}
    #done{height:100%;width:0;background:#4d9bff}
    #count{margin-top:.3rem;color:var(--soft)}
    #stations{display:flex;flex-direction:column;gap:.5rem;overflow:hidden;background:none}
    .station{background:var(--panel);border-radius:.4rem;padding:.5rem 1rem}
    .station .top{display:flex;gap:1.2rem;align-items:baseline}
    .station .top b{flex:1;font-size:1.2rem;overflow-wrap:anywhere}
    .counts{display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:.4rem;margin:.2rem 0}
    .counts span{display:block;font-size:1.25rem;font-weight:700;white-space:nowrap}
    .few .counts span{font-size:2.1rem;line-height:1.1}
    .counts small,.station p{color:var(--soft);font-size:.85rem}
    .counts .rejected{color:var(--amber)}
    .counts .doubt{color:var(--redtext)}
    .offline{color:var(--redtext);font-weight:800}
    .online{color:var(--greentext)}
    h2{font-size:1.15rem;color:var(--soft);font-weight:400}
    .alarm{padding:.45rem 1rem;border-left:.5rem solid #5b6778}
    .alarm.waits.medium,.alarm.waits.low{border-color:var(--amber)}
    .alarm.waits.high,.alarm.waits.highest{border-color:var(--red)}
    .alarm b,.alarm p{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}
    .alarm b{overflow-wrap:anywhere}
    .alarm small,.case small{color:var(--soft);font-size:.85rem}
    .alarm p{overflow-wrap:anywhere}
    .alarm .do{color:var(--amber)}
    #alarms,#cases{display:flex;flex-direction:column;gap:.5rem;overflow:hidden}
    #cases{flex:none}
    .case{padding:.6rem 1rem;border:.15rem solid var(--red)}
    .case .top{display:flex;justify-content:space-between;gap:1rem;align-items:baseline}
    .case .time{font-size:2.3rem;font-weight:800;white-space:nowrap}
    .case.over .time{background:var(--red);padding:0 .6rem;border-radius:.3rem}
    .case ol{list-style:none;margin:.3rem 0}
    .case li{display:flex;gap:.7rem;padding:.1rem 0}
    .case li span:nth-child(1){width:1.2rem;text-align:center}
    .case li span:nth-child(2){flex:1;min-width:0}
    .case li.done{color:var(--greentext)}
    .case li.overdue{color:var(--redtext);font-weight:800}
    .case .do{color:var(--amber);font-size:1.15rem}
    @media(max-width:900px){html{font-size:15px}body{height:auto;overflow:auto}main{display:block}main section{margin-bottom:.6rem;overflow:auto}
    #state{flex-wrap:wrap;gap:.4rem;padding:.8rem}h1{font-size:3rem}}
    """

  private static let script = """
    "use strict";
    const $ = id => document.getElementById(id);
    const make = (tag, text, kind) => {
      const one = document.createElement(tag);
      if (text !== undefined) one.textContent = text;
      if (kind) one.className = kind;
      return one;
    };
    const number = n => String(n).replace(/\\B(?=(\\d{3})+$)/g, ",");
    const minutes = s => (s < 0 ? "-" : "") + Math.floor(Math.abs(s) / 60) + ":" + String(Math.abs(s) % 60).padStart(2, "0");
    const silenceAllowed = 15000;
    let status = null, heardAt = performance.now(), stream = null, wasOld = false;

    const connect = () => {
      if (stream) stream.close();
      stream = new EventSource("/events");
      stream.onmessage = event => {
        let next;
        try { next = JSON.parse(event.data); } catch { return; }
        status = next;
        heardAt = performance.now();
        show();
      };
      // A refusal ends an EventSource for good, so it is always made anew.
      stream.onerror = () => { stream.close(); setTimeout(connect, 2000); };
    };

    const show = () => {
      const words = status.words;
      document.title = status.line + " " + words.state;
      $("line").textContent = "Line " + status.line;
      const batch = status.batch;
      $("batch").textContent = batch
        ? "Batch " + batch.id + "   " + batch.state + "   GTIN " + batch.gtin + "   lot " + batch.lot + "   expiry "
          + batch.expiry.replace(/^(..)(..)(..)$/, "$1-$2-$3")
        : "No batch at work";
      $("word").textContent = words.state;
      $("reason").textContent = words.reason;
      $("remedy").textContent = words.next.startsWith(words.remedy) ? "" : words.remedy;
      $("progress").hidden = !batch;
      if (batch) {
        const share = batch.pool > 0 ? batch.commissioned / batch.pool : 0;
        $("done").style.width = 100 * Math.min(1, share) + "%";
        $("count").textContent = number(batch.commissioned) + " of " + number(batch.pool) + " serials commissioned ("
          + (Math.floor(share * 1000) / 10).toFixed(1) + " %)";
      }
      const cards = status.stations.map((station, index) => {
        const card = make("div", undefined, "station");
        const top = make("div", undefined, "top");
        top.append(make("b", station.name), make("span", "scanner " + station.scanner, station.scanner),
          make("span", "PLC " + station.plc, station.plc));
        const counts = make("div", undefined, "counts");
        for (const [key, name, kind] of [["units", "units"], ["accepted", "accepted"], ["rejected", "rejected", "rejected"],
          ["passed", "passed"], ["in_doubt", "in doubt", "doubt"]]) {
          const one = make("div");
          one.append(make("span", number(station[key]), station[key] ? kind : ""), make("small", name));
          counts.append(one);
        }
        card.append(top, counts);
        const notes = words.stations[index] || [];
        if (notes.length) card.append(make("p", notes.join("; ")));
        return card;
      });
      $("stations").className = cards.length < 3 ? "few" : "";
      $("stations").replaceChildren(...cards);
      const others = dropOverflow($("stations"));
      if (others) $("count").textContent += "; " + others + " more stations: lineward status";
      document.querySelector("main").className =
        status.alarms.active || (status.cases || []).length ? "" : "calm";
      tick();
      showAlarms();
    };

    // Whole cards only; the number of those that find no room.
    const dropOverflow = room => {
      let dropped = 0;
      while (room.lastChild && room.getBoundingClientRect().bottom > 0
        && room.lastChild.getBoundingClientRect().bottom > room.parentElement.getBoundingClientRect().bottom + 1) {
        room.lastChild.remove();
        dropped += 1;
      }
      return dropped;
    };

    const showAlarms = () => {
      const counts = status.alarms;
      $("alarmhead").textContent = counts.active || counts.unacknowledged
        ? "Alarms: " + counts.active + " active, " + counts.unacknowledged + " to acknowledge" : "No alarms";
      const cards = (status.alarm_list || []).map(alarm => {
        const waits = ["unacknowledged", "returned", "latched_unacknowledged"].includes(alarm.state);
        const card = make("div", undefined, "alarm " + (waits ? "waits " : "") + alarm.priority);
        card.append(make("b", alarm.message));
        card.append(make("p", alarm.remedy || "", waits ? "do" : ""));
        card.append(make("small", alarm.priority + "  " + alarm.id + " #" + alarm.occurrence + "  "
          + alarm.raised_at.slice(11, 19) + "  " + alarm.state.replaceAll("_", " ")));
        return card;
      });
      $("alarms").replaceChildren(...cards);
      let left = dropOverflow($("alarms"));
      left += Math.max(0, counts.active - cards.length);
      if (left) $("alarmhead").textContent += "; " + left + " not shown here";
    };

    const showCases = seconds => {
      const open = status.cases || [];
      const first = open.reduce((a, b) => !a || b.remaining_seconds < a.remaining_seconds ? b : a, null);
      const cards = open.map(one => {
        const elapsed = one.elapsed_seconds + seconds;
        const left = one.duration_seconds - elapsed;
        const card = make("div", undefined, "case" + (left < 0 ? " over" : ""));
        const top = make("div", undefined, "top");
        const title = make("div");
        title.append(make("b", "Containment " + one.id), make("p", one.title));
        top.append(title, make("span", left < 0 ? "OVER BY " + minutes(-left) : minutes(left) + " left", "time"));
        card.append(top);
        // All clocks, but only the steps of the case that has the least time.
        if (one !== first) return card;
        const steps = make("ol");
        for (const step of one.steps) {
          const overdue = step.state === "overdue" || (step.state === "open" && elapsed > step.deadline_seconds);
          const item = make("li", undefined, step.state === "done" ? "done" : overdue ? "overdue" : "");
          item.append(make("span", step.state === "done" ? "\\u2713" : overdue ? "!" : "\\u25cb"),
            make("span", step.number + " " + step.name),
            make("span", step.state === "done" ? "done" : step.owner + ", by " + minutes(step.deadline_seconds)));
          steps.append(item);
        }
        card.append(steps);
        if (one.next && !status.words.next.startsWith(one.next)) card.append(make("p", one.next + (one.next_owner ? " (" + one.next_owner + ")" : ""), "do"));
        return card;
      });
      $("cases").replaceChildren(...cards);
    };

    const tick = () => {
      const silent = performance.now() - heardAt;
      const old = silent > silenceAllowed;
      document.body.className = (status ? (status.words.good ? "good" : "bad") : "waiting") + (old ? " old" : "");
      $("old").hidden = !old;
      $("age").textContent = status ? ", from " + minutes(Math.floor(silent / 1000)) + " min ago" : "";
      if (old) document.title = "NO CONNECTION";
      $("todo").textContent = old ? "Find out why the daemon does not answer: systemctl status lineward. The line stands without it."
        : status ? status.words.next : "Wait for the daemon's first answer.";
      $("clock").textContent = new Date().toISOString().slice(0, 19) + "Z";
      // A clock that nobody confirms does not go on.
      if (status && !old) showCases(Math.floor(silent / 1000));
      if (status && old !== wasOld) showAlarms();
      wasOld = old;
    };
    addEventListener("resize", () => { if (status) show(); });
    setInterval(tick, 500);
    connect();
    """
}
