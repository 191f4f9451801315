"""Scripts that look several things up in one round trip."""

from __future__ import annotations

from earmark.stores.redis_client import Script

# track id -> its row or nothing
ROW = Script(
    """
local place = redis.call('HGET', KEYS[1] .. 'ids', ARGV[1])
return place and redis.call('HGET', KEYS[1] .. 'rows', place)
"""
)
# lookup, fields -> place and row of each, in no order
ROWS_OF = Script(
    """
local K, found = KEYS[1], {}
for at = 2, #ARGV do
  local places = redis.call('HGET', K .. ARGV[1], ARGV[at])
  if places and ARGV[1] == 'audios' then places = cmsgpack.unpack(places)[4] end
  for place in string.gmatch(places or '', '%d+') do
    found[#found + 1] = place
    found[#found + 1] = redis.call('HGET', K .. 'rows', place)
  end
end
return found
"""
)
# "id" or "place" of the one before, limit -> the last place (-1: there is none after), rows
PAGE = Script(
    """
local K, place, rows = KEYS[1], 0, {}
if ARGV[1] == 'id' then
  place = redis.call('HGET', K .. 'ids', ARGV[2])
  if not place then return false end
else
  place = ARGV[2]
end
local limit, last, next_place = tonumber(ARGV[3]), -1, tonumber(place) + 1
while #rows < limit do
  local first = redis.call('BITPOS', K .. 'live', 1, math.floor(next_place / 8))
  if first < 0 then break end
  -- A window of places: those before the one asked for are skipped, gaps are passed over whole.
  local byte = math.floor(math.max(first, next_place) / 8)
  local bits = redis.call('GETRANGE', K .. 'live', byte, byte + 63)
  for at = 1, #bits do
    local held = string.byte(bits, at)
    if held ~= 0 then
      for shift = 7, 0, -1 do
        local one = (byte + at - 1) * 8 + 7 - shift
        if one >= next_place and #rows < limit and bit.band(held, bit.lshift(1, shift)) ~= 0 then
          rows[#rows + 1] = redis.call('HGET', K .. 'rows', one)
          last = one
        end
      end
    end
  end
  next_place = math.max(next_place, (byte + #bits) * 8)
end
return {last, rows}
"""
)
