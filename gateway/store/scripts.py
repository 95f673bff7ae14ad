"""The steps that must be atomic, as Lua. All keys of a script are of one slot: a cluster runs it too."""

from typing import Final

# A slow request must not bring back what was ended meanwhile: every later write asks for the record first.
CREATE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return 1
"""
CHANGE: Final = """
local value = redis.call('HGET', KEYS[1], 'v')
if not value or (ARGV[1] ~= '' and value ~= ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
if ARGV[2] ~= '' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return 1
"""
# The grave keeps a session from being made under a key that was ended before it began.
BURY: Final = """
local lived = redis.call('HEXISTS', KEYS[1], 'v')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'ended', '1')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return lived
"""
MOVE: Final = """
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'moved', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], unpack(ARGV, 5))
redis.call('PEXPIREAT', KEYS[2], ARGV[4])
return 1
"""
SPEND: Final = """
local found = redis.call('HMGET', KEYS[1], 'v', 'used')
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
if redis.call('HEXISTS', KEYS[1], 'v') == 0 then return 0 end
local all = redis.call('HGETALL', KEYS[1])
local many = #all > 128
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'a:' and (many or tonumber(all[i + 1]) <= tonumber(ARGV[1])) then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
"""
COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""
RAISE: Final = """
local count = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return count
"""
