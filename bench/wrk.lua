-- Requests as a browser sends them from a book: 12 headers, another address and Referer each time.
-- COOKIES: a file with one Cookie header a line, used in a random order; HOST, ORIGIN: headers.
wrk.headers["Host"] = os.getenv("HOST")
wrk.headers["Origin"] = os.getenv("ORIGIN")
wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
wrk.headers["Accept"] = "application/json, text/plain, */*"
wrk.headers["Accept-Language"] = "en-US,en;q=0.9,de;q=0.8"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
wrk.headers["Sec-Fetch-Site"] = "same-site"
wrk.headers["Sec-Fetch-Mode"] = "cors"
wrk.headers["Sec-Fetch-Dest"] = "empty"
wrk.headers["Connection"] = "keep-alive"

local cookies, count = {}, 0
for line in io.lines(os.getenv("COOKIES")) do cookies[#cookies + 1] = line end
math.randomseed(7)

if os.getenv("BODY") then
  wrk.method = "POST"
  wrk.body = string.rep("x", tonumber(os.getenv("BODY")))
  wrk.headers["Content-Type"] = "application/octet-stream"
end

request = function()
  count = count + 1
  wrk.headers["Cookie"] = cookies[math.random(#cookies)]
  wrk.headers["Referer"] = os.getenv("ORIGIN") .. "/chapter/items?page=" .. count
  return wrk.format(nil, wrk.path .. "?q=" .. count)
end

done = function(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'FOUND {"requests":%d,"microseconds":%d,"failed":%d,"p50":%.1f,"p99":%.1f}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50.0), latency:percentile(99.0)))
end
