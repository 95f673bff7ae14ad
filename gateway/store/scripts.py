"""The steps that must be atomic, as Lua. All keys of a script are of one slot: a cluster runs it too.

How long a session lives is measured by Redis's clock alone: when it was seen last and when it was begun are
written, compared and turned into an expiry here. A gateway whose clock steps neither ends nor lengthens one.

A key that holds another type than ours is nobody's: it is not read as ours and not written over.
"""

from typing import Final

# The index of a person's sessions: members by the second in which their keys expire. It goes with the last.
_INDEX: Final = """
local function time() return tonumber(redis.call('TIME')[1]) end
local function note(index, ends, member)
  local noted = redis.pcall('ZADD', index, ends, member)
  if type(noted) == 'table' then return false end
  redis.call('EXPIREAT', index, redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2])
  return true
end
"""
# KEYS: the person's marks, then records. ARGV: a field of the first record that is asked for too.
# Each record as its value, the seconds since it was seen, and that field.
LOOK: Final = """
local now = tonumber(redis.call('TIME')[1])
local marks = redis.pcall('HGETALL', KEYS[1])
if marks.err then marks = false end
local answer = {marks}
for i = 2, #KEYS do
  local found = redis.pcall('HMGET', KEYS[i], 'v', 'seen', ARGV[1])
  local seen = not found.err and found[2] and tonumber(found[2])
  if seen then found[2] = now - seen else found = {false, false, false} end
  answer[i] = found
end
return answer
"""
# A slow request must not bring back what was ended meanwhile: every later write asks for the record first.
CREATE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""
# KEYS: record, index. ARGV: value, seconds, member, how many members the index may have.
# 0: there is one, or a grave. -1: the index is no index. Else the members that are too many, oldest first.
BEGIN: Final = (
    _INDEX
    + """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local now = time()
if not note(KEYS[2], now + ARGV[2], ARGV[3]) then return -1 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'seen', now, 'born', now)
redis.call('EXPIREAT', KEYS[1], now + ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local over = redis.call('ZCARD', KEYS[2]) - ARGV[4]
local oldest = {}
if over > 0 then
  for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, over)) do
    if member ~= ARGV[3] and #oldest < over then oldest[#oldest + 1] = member end
  end
end
return oldest
"""
)
# KEYS: record, index, what lives beside it. ARGV: expected value, idle and absolute seconds, member, fields.
# Of those who found it due together, the first writes.
TOUCH: Final = (
    _INDEX
    + """
local found = redis.pcall('HMGET', KEYS[1], 'v', 'born', 'seen')
if found.err or found[1] ~= ARGV[1] then return 0 end
local now = time()
if #ARGV == 4 and math.abs(now - (tonumber(found[3] or 0) or 0)) < 2 then return 1 end
local ends = math.min(now + ARGV[2], (tonumber(found[2] or 0) or 0) + ARGV[3])
redis.call('HSET', KEYS[1], 'seen', now, unpack(ARGV, 5))
redis.call('EXPIREAT', KEYS[1], ends)
redis.call('EXPIREAT', KEYS[3], ends)
note(KEYS[2], ends, ARGV[4])
return 1
"""
)
ADD: Final = """
local lives = redis.pcall('HEXISTS', KEYS[1], 'v')
if type(lives) == 'table' or lives == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
"""
# The grave keeps a session from being made under a key that was ended before it began, and says on where it
# went: whoever ends it may have been overtaken, or have got no further.
BURY: Final = """
local lived = redis.pcall('HEXISTS', KEYS[1], 'v')
if type(lived) == 'table' then return 0 end
local moved = redis.call('HGET', KEYS[1], 'moved')
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('HSET', KEYS[1], 'ended', '1')
if moved then redis.call('HSET', KEYS[1], 'moved', moved) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.pcall('ZREM', KEYS[2], ARGV[2])
return lived
"""
# KEYS: from, to, index. ARGV: expected value, mark, seconds of the grave, idle and absolute seconds, the
# members of both, value.
MOVE: Final = (
    _INDEX
    + """
local found = redis.pcall('HMGET', KEYS[1], 'v', 'born')
if found.err or found[1] ~= ARGV[1] then return 0 end
local now = time()
local born = tonumber(found[2] or 0) or 0
local ends = math.min(now + ARGV[4], born + ARGV[5])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'moved', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], 'v', ARGV[8], 'seen', now, 'born', born)
redis.call('EXPIREAT', KEYS[2], ends)
redis.pcall('ZREM', KEYS[3], ARGV[6])
note(KEYS[3], ends, ARGV[7])
return 1
"""
)
SPEND: Final = """
local found = redis.pcall('HMGET', KEYS[1], 'v', 'used')
if found.err then return {-1, ''} end
if found[2] then return {0, found[2]} end
if not found[1] then return {-1, ''} end
redis.call('HDEL', KEYS[1], 'v')
redis.call('HSET', KEYS[1], 'used', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return {1, found[1]}
"""
# Fields 'a:...' are access tokens with the second they end at. Ended ones are swept when one is added; all of
# them when a client asks for so many that the record would grow without end (it refreshes and goes on).
ISSUE: Final = """
local lives = redis.pcall('HEXISTS', KEYS[1], 'v')
if type(lives) == 'table' or lives == 0 then return 0 end
local all = redis.call('HGETALL', KEYS[1])
local many = #all > 128
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'a:' and (many or (tonumber(all[i + 1]) or 0) <= tonumber(ARGV[1])) then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
"""
COUNT: Final = """
local count = redis.pcall('INCR', KEYS[1])
if type(count) == 'table' then return -1 end
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""
# A bucket is a key that lives until the bucket is full again: what was used of it makes it live longer.
# KEYS: buckets. ARGV, of each: milliseconds that were used, and how many it may lack. -1: it is none of ours.
USE: Final = """
local lacking = {}
for i, bucket in ipairs(KEYS) do
  local used, most = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local found = redis.pcall('GET', bucket)
  if found == '' then
    lacking[i] = math.min(math.max(redis.call('PTTL', bucket), 0) + used, most)
    redis.call('PEXPIRE', bucket, lacking[i])
  elseif found then
    lacking[i] = -1
  else
    lacking[i] = math.min(used, most)
    redis.call('SET', bucket, '', 'PX', lacking[i])
  end
end
return lacking
"""
# The person's marks, remembered for some seconds more; false: something else is there.
MARKS: Final = """
local marks = redis.pcall('HGETALL', KEYS[1])
if marks.err then return false end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return marks
"""
# Only ever higher. What is not ours must not keep an end from being written: it goes, and since nobody knows
# what it stood in the place of, all sessions of the person go with it (an epoch is at least the time).
MARK: Final = """
local now = redis.pcall('HGET', KEYS[1], ARGV[2])
if type(now) == 'table' then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'n', redis.call('TIME')[1] + 1)
  now = redis.call('HGET', KEYS[1], ARGV[2])
end
if now and (#now > 15 or not string.match(now, '^%d+$')) then now = false end
if not now or tonumber(now) < tonumber(ARGV[3]) then redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
MEMBERS: Final = (
    _INDEX
    + """
local members = redis.pcall('ZRANGEBYSCORE', KEYS[1], '(' .. time(), '(+inf')
return members.err and {} or members
"""
)
# ARGV: member, seconds, how many there may be. -1: ended before. Else the members that had to go.
JOIN: Final = (
    _INDEX
    + """
local ended = redis.pcall('ZSCORE', KEYS[1], 'ended')
if ended then return -1 end
local now = time()
note(KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local over = redis.call('ZCARD', KEYS[1]) - ARGV[3]
if over <= 0 then return {} end
local gone = redis.call('ZRANGE', KEYS[1], 0, over - 1)
redis.call('ZREM', KEYS[1], unpack(gone))
return gone
"""
)
# Whoever joined, once; nobody joins for some seconds.
CLOSE: Final = (
    _INDEX
    + """
local members = redis.pcall('ZRANGEBYSCORE', KEYS[1], '(' .. time(), '(+inf')
if members.err then return {} end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], '+inf', 'ended')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return members
"""
)
