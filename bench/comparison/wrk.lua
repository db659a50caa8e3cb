-- wrk: send the requests of a folder in turn and print one line of JSON at the end.
-- wrk ... -s wrk.lua URL -- PATH FOLDER COUNT ["Header: value" ...]
local requests, following = {}, 0

function init(args)
  local path, folder, count = args[1], args[2], tonumber(args[3])
  local headers = { ["Content-Type"] = "application/json" }
  for i = 4, #args do
    local name, value = args[i]:match("^(.-): (.*)$")
    headers[name] = value
  end
  for i = 0, count - 1 do
    local file = assert(io.open(folder .. "/" .. i .. ".json", "rb"))
    requests[i] = wrk.format("POST", path, headers, file:read("*a"))
    file:close()
  end
end

function request()
  following = (following + 1) % (#requests + 1)
  return requests[following]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.4f, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, "refused": %d, "broken": %d, "late": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, e.status, e.connect + e.read + e.write, e.timeout))
end
