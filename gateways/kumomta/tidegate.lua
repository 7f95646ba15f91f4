--[[ Tidegate for KumoMTA: asks about each message that an SMTP client has sent, and answers it what was decided.

  local tidegate = require 'tidegate'
  tidegate.configure { url = 'https://tidegate.example.net', key = '/opt/kumomta/etc/tidegate.key' }
  kumo.on('smtp_server_data', function(message, conn_meta)
    tidegate.check(message, conn_meta)
  end)

README.md beside this file has the rest. ]]

local kumo = require 'kumo'

local M = {}

-- Beyond these Tidegate would refuse the request; a header that was not made to annoy stays far below.
local MAX_FIELDS = 200
local MAX_OCTETS = 256 * 1024
local MAX_ANSWER = 64 * 1024
local MAX_RECIPIENTS = 100
local MAX_TEXT = 400

local OPTIONS = {
  url = 'string',
  key = { string = true, table = true },
  tenant = 'string',
  connector = 'string',
  timeout = 'string',
  fail = 'string',
}

local settings, client, key

--[[ url        of Tidegate
     key        a key of role gateway, as a keysource: a file's path, or a table such as { vault_mount = …, … }
     tenant     whose servers send here, unless the key says it
     connector  on_premises, partner or internet, unless the key says it
     timeout    for the whole question; '2500ms' unless given
     fail       'accept' (the default) or 'tempfail': what becomes of a message that there is no answer about ]]
function M.configure(given)
  for name, value in pairs(given) do
    local kinds = OPTIONS[name]
    if kinds ~= type(value) and not (type(kinds) == 'table' and kinds[type(value)]) then
      error(string.format('tidegate: %s cannot be %s', tostring(name), tostring(value)), 2)
    end
  end
  if not given.url or not given.key then
    error('tidegate: url and key are needed', 2)
  end
  if given.fail and given.fail ~= 'accept' and given.fail ~= 'tempfail' then
    error("tidegate: fail is 'accept' or 'tempfail'", 2)
  end
  settings = given
  client, key = nil, nil
end

-- What a sender wrote, as JSON can hold it: nothing that is looked at has other octets.
local function ascii(text)
  return (text:gsub('[\128-\255]', '?'))
end

-- The address of "203.0.113.7:4711" or "[2001:db8::7]:4711".
local function address(peer)
  local text = tostring(peer or '')
  return text:match '^%[([%x:.]+)%%?%w*%]:%d+$' or text:match '^([%d.]+):%d+$'
end

--[[ The values of the Received fields in the message's data, as the sender wrote it. KumoMTA's own parser raises at a
header that it does not like, such as one with an 8-bit name; here every header can be read. ]]
local function received(data)
  local fields, in_field = {}, false
  local at = 1
  while at <= MAX_OCTETS do
    -- plainly: a pattern would try again at each octet of a line without end
    local line_end = data:find('\n', at, true)
    if not line_end or line_end > MAX_OCTETS then
      break
    end
    local line = data:sub(at, line_end - 1)
    if line:sub(-1) == '\r' then
      line = line:sub(1, -2)
    end
    at = line_end + 1
    if line == '' then
      break
    elseif line:match '^[ \t]' then
      if in_field then
        table.insert(fields[#fields], line)
      end
    else
      in_field = line:sub(1, 9):lower() == 'received:'
      if in_field then
        if #fields == MAX_FIELDS then
          break
        end
        fields[#fields + 1] = { line:sub(10) }
      end
    end
  end
  for index, lines in ipairs(fields) do
    fields[index] = { 'Received', ascii(table.concat(lines, '\r\n')) }
  end
  return fields
end

-- The question, or nil for a message that never met a mail server: the answer would be accept.
local function question(message, conn_meta)
  local header = received(message:get_data())
  if #header == 0 then
    return nil
  end
  local recipients = {}
  for _, recipient in ipairs(message:recipient_list()) do
    if #recipients == MAX_RECIPIENTS then
      -- none instead of some: some alone, all postmaster, would be accepted always
      recipients = {}
      break
    end
    recipients[#recipients + 1] = ascii(tostring(recipient))
  end
  local ip = address(conn_meta:get_meta 'received_from')
  return {
    tenant = settings.tenant,
    connector = settings.connector,
    event_id = message:id(),
    client = ip and { ip = ip },
    -- KumoMTA puts its own field on top only after this event
    own_hops = 0,
    envelope = #recipients > 0 and { to = recipients } or nil,
    header = header,
  }
end

local function ask(body)
  client = client or kumo.http.build_client { user_agent = 'tidegate-kumomta', timeout = settings.timeout or '2500ms' }
  key = key or kumo.secrets.load(settings.key):match '^%s*(%S+)%s*$' or error 'the key is not one word'
  local document = kumo.serde.json_encode(body)
  local function send()
    local request = client:post((settings.url:gsub('/+$', '')) .. '/v1/decide')
    request:bearer_auth(key)
    request:header('Content-Type', 'application/json')
    request:body(document)
    return request:send()
  end
  local start = os.time()
  local ok, response = pcall(send)
  if not ok and os.time() - start <= 1 then
    -- a kept connection that a restart has ended; one that took its time is not asked again
    ok, response = pcall(send)
  end
  if not ok then
    error(response, 0)
  end
  if (response:content_length() or 0) > MAX_ANSWER then
    error('an answer that is too long', 0)
  end
  local status = response:status_code()
  if status ~= 200 then
    local told = string.format('%d %s', status, response:text():sub(1, 200))
    if status == 400 or status == 413 or status == 422 then
      -- of this message, and so each time that it comes: deferred, it would wait for ever
      kumo.log_warn(string.format('tidegate: %s, accepted', told))
      return { action = 'accept' }
    end
    error(told, 0)
  end
  return kumo.serde.json_parse(response:text())
end

-- Code and text of the reply; nil for an accept. Everything else is an error.
local function reply_of(answer)
  local action = type(answer) == 'table' and answer.action
  if action == 'accept' then
    return nil
  end
  local class = action == 'defer' and 4 or action == 'reject' and 5
  local reply = class and answer.reply
  local code = type(reply) == 'table' and math.tointeger(reply.code)
  local enhanced = code and tostring(reply.enhanced):match '^%d%.%d%d?%d?%.%d%d?%d?$'
  if
    not enhanced
    or code // 100 ~= class
    or tonumber(enhanced:sub(1, 1)) ~= class
    or type(reply.text) ~= 'string'
  then
    error('an answer that is none', 0)
  end
  return code, enhanced .. ' ' .. reply.text:gsub('[^ -~]+', ' '):sub(1, MAX_TEXT)
end

--[[ For the event smtp_server_data, which comes once a message. Returns for an accept; else answers the SMTP client and
does not return. Clients that have logged in are not asked about. ]]
function M.check(message, conn_meta)
  if not settings then
    kumo.log_warn 'tidegate: not configured, accepted'
    return
  end
  -- an error that is not caught here would be a 421 for the whole session
  local is_read, body = pcall(function()
    return not conn_meta:get_meta 'authn_id' and question(message, conn_meta) or nil
  end)
  if not is_read then
    -- what a sender wrote is never a reason to let mail wait, whatever `fail` says: it would wait for ever
    kumo.log_warn(string.format('tidegate: %s, accepted', tostring(body)))
    return
  elseif not body then
    return
  end
  local ok, code, text = pcall(function()
    return reply_of(ask(body))
  end)
  if ok and code then
    kumo.reject(code, text)
  elseif not ok then
    local closed = settings.fail == 'tempfail'
    kumo.log_warn(string.format('tidegate: %s, %s', tostring(code), closed and 'deferred' or 'accepted'))
    if closed then
      kumo.reject(451, '4.3.0 Policy service unavailable, try again later')
    end
  end
end

return M
