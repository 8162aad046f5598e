package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	accountServiceURI = "/redfish/v1/AccountService"
	accountsURI       = accountServiceURI + "/Accounts"
	rolesURI          = accountServiceURI + "/Roles"
	administrator     = "Administrator"
)

// accountSpec is how a dialect keeps its accounts. Limits are those recorded (redfish.md §4); a limit of 0 is not told.
type accountSpec struct {
	minLength, maxLength int
	factoryUser          string
	factoryPass          string // "" = one of its own, on the chassis label
	mustChange           bool   // a factory password opens the AccountService alone (R68)
	slots                int    // fixed slots (R45); 0 = accounts are made by POST
	first                int    // id of the first account
}

var accountSpecs = map[string]accountSpec{
	dialectIDRAC:      {minLength: 0, maxLength: 40, factoryUser: "root", slots: 16, first: 2},
	dialectILO:        {minLength: 8, factoryUser: "Administrator", first: 1},
	dialectSupermicro: {minLength: 8, maxLength: 20, factoryUser: "ADMIN", first: 2},
	dialectXCC:        {minLength: 10, maxLength: 32, factoryUser: "USERID", factoryPass: "PASSW0RD", mustChange: true, first: 1},
	dialectAMI:        {minLength: 13, maxLength: 20, factoryUser: "admin", factoryPass: "admin", mustChange: true, first: 2},
	dialectLiteon:     {minLength: 8, maxLength: 20, factoryUser: "root", factoryPass: "0penBmc", mustChange: true, first: 1},
	dialectOpenBMC:    {minLength: 8, maxLength: 20, factoryUser: "root", factoryPass: "0penBmc", mustChange: true, first: 1},
}

// account is one user of a BMC.
type account struct {
	id         int
	user, pass string
	enabled    bool
	mustChange bool
	failures   int // log-ins that failed since the last good one
	lockedTo   time.Time
}

// newAccounts gives a BMC the accounts that it begins with.
func newAccounts(b *BMC) []*account {
	spec := accountSpecs[b.dia.name]
	user, pass := b.rack.Credentials(b.name)
	a := &account{id: spec.first, user: user, pass: pass, enabled: true}
	if b.faults.on("R68") || b.rack.opt.Factory && !b.faults.on("R70") {
		a.user, a.pass = b.factory()
		a.mustChange = spec.mustChange
	}
	return []*account{a}
}

// FactoryCredentials gives the log-in of a node as it left the factory: that of its vendor, or of the label on its chassis.
func (r *Rack) FactoryCredentials(node string) (user, pass string) {
	return r.nodes[node].factory()
}

func (b *BMC) factory() (user, pass string) {
	spec := accountSpecs[b.dia.name]
	if spec.factoryPass != "" {
		return spec.factoryUser, spec.factoryPass
	}
	_, pass = b.rack.Credentials(b.name)
	return spec.factoryUser, "Lbl-" + strings.TrimPrefix(pass, "Sx1-")
}

// Accounts tells the users that can log in to a BMC, and their passwords: the truth, for tests.
func (b *BMC) Accounts() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]string{}
	for _, a := range b.accounts {
		if a.enabled {
			out[a.user] = a.pass
		}
	}
	return out
}

func (b *BMC) account(user string) *account {
	for _, a := range b.accounts {
		if a.user == user {
			return a
		}
	}
	return nil
}

func (b *BMC) accountAt(id string) *account {
	for _, a := range b.accounts {
		if strconv.Itoa(a.id) == id {
			return a
		}
	}
	return nil
}

// check judges a credential and keeps the account of failures. A locked account refuses the right password too.
func (b *BMC) check(user, pass string) bool {
	a := b.account(user)
	if a == nil || !a.enabled || b.now.Before(a.lockedTo) {
		b.led.FailedLogins++
		return false
	}
	if pass == a.pass {
		a.failures = 0
		return true
	}
	b.led.FailedLogins++
	a.failures++
	if t := b.dia.lockoutThreshold; t > 0 && a.failures >= t {
		a.lockedTo = b.now.Add(b.rack.scaled(time.Duration(b.dia.lockoutS) * time.Second))
		a.failures = 0
		b.violate("the account was locked after %d failed log-ins", t)
	}
	return false
}

// restricted is what a user whose password must be changed may not do (R68, DSP0266 §13.5.1).
func (b *BMC) restricted(c *call, user string) *answer {
	a := b.account(user)
	if a == nil || !a.mustChange {
		return nil
	}
	own := accountsURI + "/" + strconv.Itoa(a.id)
	for _, p := range []string{accountServiceURI, accountsURI, own} {
		if strings.EqualFold(c.path, p) && (c.method == http.MethodGet || p == own && c.method == http.MethodPatch) {
			return nil
		}
	}
	if strings.HasPrefix(strings.ToLower(c.path), strings.ToLower(sessionsURI)+"/") {
		return nil
	}
	return b.fail(http.StatusForbidden, b.msg("PasswordChangeRequired", own))
}

func accountRoutes(b *BMC, m map[string]*route) {
	d, spec := b.dia, accountSpecs[b.dia.name]
	add(b, m, accountServiceURI, &route{get: func(*call) obj {
		o := obj{"@odata.type": d.typ("AccountService"), "Id": "AccountService", "Name": "Account Service", "ServiceEnabled": true,
			"Status": enabled(), "MinPasswordLength": spec.minLength, "AccountLockoutThreshold": d.lockoutThreshold,
			"AccountLockoutDuration": d.lockoutS, "AccountLockoutCounterResetAfter": d.lockoutS,
			"Accounts": ref(accountsURI), "Roles": ref(rolesURI)}
		if spec.maxLength > 0 {
			o["MaxPasswordLength"] = spec.maxLength
		}
		return o
	}})
	list := &route{get: func(*call) obj {
		var ids []string
		if spec.slots > 0 {
			for i := 1; i <= spec.slots; i++ {
				ids = append(ids, fmt.Sprintf("%s/%d", accountsURI, i))
			}
		} else {
			for _, a := range b.accounts {
				ids = append(ids, fmt.Sprintf("%s/%d", accountsURI, a.id))
			}
		}
		return collection("ManagerAccountCollection.ManagerAccountCollection", "Accounts Collection", ids)
	}}
	one := &route{get: func(c *call) obj {
		a := b.accountAt(c.vars[0])
		if n, err := strconv.Atoi(c.vars[0]); a == nil && err == nil && n >= 1 && n <= spec.slots {
			a = &account{id: n}
		}
		if a == nil {
			return nil
		}
		return b.accountResource(a)
	}, patch: patchAccount}
	if spec.slots == 0 {
		list.post = createAccount
		one.del = deleteAccount
	}
	add(b, m, accountsURI, list)
	add(b, m, accountsURI+"/*", one)
	add(b, m, rolesURI, &route{get: func(*call) obj {
		return collection("RoleCollection.RoleCollection", "Roles Collection", []string{rolesURI + "/" + administrator})
	}})
	add(b, m, rolesURI+"/"+administrator, &route{get: func(*call) obj {
		return obj{"@odata.type": d.typ("Role"), "Id": administrator, "Name": "Administrator Role", "IsPredefined": true,
			"RoleId": administrator, "AssignedPrivileges": []any{"Login", "ConfigureManager", "ConfigureUsers", "ConfigureSelf", "ConfigureComponents"}}
	}})
}

func (b *BMC) accountResource(a *account) obj {
	role := administrator
	if a.user == "" {
		role = "None" // Dell's empty slots
	}
	o := obj{"@odata.id": fmt.Sprintf("%s/%d", accountsURI, a.id), "@odata.type": b.dia.typ("ManagerAccount"), "Id": strconv.Itoa(a.id),
		"Name": "User Account", "UserName": a.user, "Password": nil, "Enabled": a.enabled, "Locked": b.now.Before(a.lockedTo),
		"RoleId": role, "AccountTypes": []any{"Redfish"}}
	if a.user != "" {
		o["Links"] = obj{"Role": ref(rolesURI + "/" + administrator)}
	}
	if a.mustChange {
		o["PasswordChangeRequired"] = true
	}
	return o
}

// passwordRefused tells what is wrong with a password. The value is never repeated.
func (b *BMC) passwordRefused(body obj) *answer {
	p, given := body["Password"]
	if !given {
		return nil
	}
	s, isText := p.(string)
	spec := accountSpecs[b.dia.name]
	if !isText || len(s) < spec.minLength || spec.maxLength > 0 && len(s) > spec.maxLength || s == "" {
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueFormatError", "****", "Password"))
	}
	return nil
}

func patchAccount(c *call) *answer {
	b := c.b
	a, spec := b.accountAt(c.vars[0]), accountSpecs[b.dia.name]
	n, err := strconv.Atoi(c.vars[0])
	fresh := a == nil
	switch {
	case fresh && (err != nil || n < 2 || n > spec.slots): // slot 1 is reserved
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	case fresh:
		a = &account{id: n}
	}
	if refused := b.passwordRefused(c.body); refused != nil {
		return refused
	}
	next := *a
	for k, v := range c.body {
		s, isText := v.(string)
		yes, isBool := v.(bool)
		switch {
		case k == "Password" && isText:
			if next.pass != s {
				next.mustChange = false
			}
			next.pass = s
		case k == "UserName" && isText:
			next.user = s
		case k == "Enabled" && isBool:
			next.enabled = yes
		case k == "RoleId" && isText:
		default:
			return b.fail(http.StatusBadRequest, b.msg("PropertyNotWritable", k))
		}
	}
	if other := b.account(next.user); next.user != "" && other != nil && other.id != a.id {
		return b.fail(http.StatusBadRequest, b.msg("PropertyValueConflict", "UserName", "UserName"))
	}
	if next.enabled && (next.user == "" || next.pass == "") {
		return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", "Password"))
	}
	if !next.enabled && a.enabled && b.lastAdministrator(a) {
		return b.fail(http.StatusForbidden, b.msg("InsufficientPrivilege"))
	}
	*a = next
	if fresh {
		b.accounts = append(b.accounts, a)
	}
	b.endSessionsOf(a)
	return b.done()
}

func (b *BMC) lastAdministrator(a *account) bool {
	for _, o := range b.accounts {
		if o != a && o.enabled {
			return false
		}
	}
	return true
}

// endSessionsOf ends what a user that is gone or disabled has open.
func (b *BMC) endSessionsOf(a *account) {
	if a.enabled {
		return
	}
	kept := b.sessions[:0]
	for _, s := range b.sessions {
		if s.user != a.user {
			kept = append(kept, s)
		}
	}
	b.sessions = kept
}

func createAccount(c *call) *answer {
	b := c.b
	for _, p := range []string{"UserName", "Password", "RoleId"} {
		if s, _ := c.body[p].(string); s == "" {
			return b.fail(http.StatusBadRequest, b.msg("PropertyMissing", p))
		}
	}
	if refused := b.passwordRefused(c.body); refused != nil {
		return refused
	}
	user, _ := c.body["UserName"].(string)
	pass, _ := c.body["Password"].(string)
	if b.account(user) != nil {
		return b.fail(http.StatusBadRequest, b.msg("ResourceCreationConflict", accountsURI))
	}
	a := &account{id: b.id("account", accountSpecs[b.dia.name].first+1), user: user, pass: pass, enabled: true}
	b.accounts = append(b.accounts, a)
	o := b.accountResource(a)
	return &answer{status: http.StatusCreated, body: o, header: map[string]string{"Location": fmt.Sprintf("%s/%d", accountsURI, a.id)}}
}

func deleteAccount(c *call) *answer {
	b := c.b
	a := b.accountAt(c.vars[0])
	if a == nil {
		return b.fail(http.StatusNotFound, b.msg("ResourceMissingAtURI", c.path))
	}
	if b.lastAdministrator(a) {
		return b.fail(http.StatusForbidden, b.msg("ResourceCannotBeDeleted"))
	}
	a.enabled = false
	b.endSessionsOf(a)
	kept := b.accounts[:0]
	for _, o := range b.accounts {
		if o != a {
			kept = append(kept, o)
		}
	}
	b.accounts = kept
	return b.done()
}
