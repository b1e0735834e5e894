"""A peer for bench/draw.py: sketch-rnn's decoder (Ha & Eck 2017, arXiv 1704.03477), an LSTM whose output is a mixture of 20 bivariate
Gaussians for the next offset of the pen, and what the pen does after it. Its density is made a probability of the grid's points by
integrating it over the pixel around each, so its nats a drawing are comparable with those of a network that spells"""
import math,time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

STATES = 'goes on','lifts','closes the shape','lifts, the end','closes the shape, the end'
N_MIX  = 20
CELL   = (torch.arange(8)+.5)/8-.5                                                 # eight points across a pixel, in pixels

def rows_of(d):
    "A drawing as its points, shape (n, 3): offset from the point before, in pixels, and what the pen does then, one of `STATES`"
    rows,at = [],np.array([[32,32]])
    for s in d.strokes:
        shut = int(len(s)>2 and (s[0]==s[-1]).all())                               # spelled as the alphabet of points spells it: no point of its own
        pts  = s[:len(s)-shut]
        rows.append(np.c_[np.diff(np.r_[at,pts], axis=0), [0]*(len(pts)-1)+[1+shut]])
        at = s[-1:]
    rows[-1][-1,2] += 2
    return torch.tensor(np.concatenate(rows), dtype=torch.float32)

class Mixture(nn.Module):
    def __init__(self, n_hid, scale):
        super().__init__()
        self.scale = scale                                                         # from pixels to units, as sketch-rnn normalises
        self.rnn,self.head = nn.LSTM(2+len(STATES), n_hid, batch_first=True),nn.Linear(n_hid, 6*N_MIX+len(STATES))

    def forward(self, x, state=None):
        "Points, shape (bs, n, 3), to parameters of the mixture for the next one (bs, n, 6*N_MIX) and scores of the pen's states (bs, n, 5)"
        x = torch.cat([x[...,:2]*self.scale, F.one_hot(x[...,2].long().clamp_min(0), len(STATES))*(x[...,2:]>=0)], -1)
        h,state = self.rnn(x, state)
        return *self.head(h).split([6*N_MIX,len(STATES)], -1),state

    def log_p(self, o, d):
        "Log of the density, in pixels, at offsets `d` of shape (..., 2)"
        w,mx,my,sx,sy,r = o.chunk(6, -1)                                           # (..., N_MIX) each; sx and sy are logarithms
        sx,sy,r,d = sx.clamp_min(-6),sy.clamp_min(-6),.99*r.tanh(),d*self.scale
        x,y,q = (d[...,:1]-mx)*(-sx).exp(),(d[...,1:]-my)*(-sy).exp(),1-r*r
        parts = w.log_softmax(-1)-(x*x+y*y-2*r*x*y)/(2*q)-sx-sy-q.log()/2-math.log(2*math.pi)
        return parts.logsumexp(-1)+2*math.log(self.scale)

    def log_cell(self, o, d):
        "Log of the probability of a whole pixel: the mean of the density at 8 x 8 points in it"
        inside = torch.cartesian_prod(CELL, CELL)                                  # (64, 2)
        return self.log_p(o[...,None,:], d[...,None,:]+inside).logsumexp(-1)-math.log(len(inside))

def padded(rows):
    "Points that go in, those that are to come out, and which of these are there: (bs, n, 3), (bs, n, 3), (bs, n)"
    y = pad_sequence(rows, batch_first=True, padding_value=-1)
    start = torch.tensor([0.,0.,-1.]).expand(len(y), 1, 3)
    return torch.cat([start, y[:,:-1]], 1),y,y[...,2]>=0

def train_mixture(rows, secs, n_hid=448, bs=32, lr=2e-3, seed=0):
    "Train for so many seconds of processor time; noise of one pixel's width keeps the density from collapsing onto the grid's points"
    torch.manual_seed(seed)
    net = Mixture(n_hid, 1/torch.cat(rows)[:,:2].std().item())
    opt = torch.optim.Adam(net.parameters(), lr)
    start,steps,done = time.process_time(),0,0.
    while done<1:
        for g in opt.param_groups: g['lr'] = lr*min(1, steps/100)*(1+math.cos(math.pi*done))/2
        x,y,on = padded([rows[i] for i in torch.randint(len(rows), (bs,))])
        o,pen,_ = net(x)
        loss = -net.log_p(o[on], y[on][:,:2]+torch.rand(int(on.sum()), 2)-.5).sum()+F.cross_entropy(pen[on], y[on][:,2].long(), reduction='sum')
        opt.zero_grad()
        (loss/on.sum()).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        steps,done = steps+1,(time.process_time()-start)/secs
    return net,steps

@torch.no_grad()
def nats_a_drawing(net, rows, bs=50):
    "Mean of -log p over drawings, all their points and pen states"
    total = 0.
    for i in range(0, len(rows), bs):
        x,y,on = padded(rows[i:i+bs])
        o,pen,_ = net(x)
        total += -net.log_cell(o[on], y[on][:,:2]).sum().item()+F.cross_entropy(pen[on], y[on][:,2].long(), reduction='sum').item()
    return total/len(rows)

@torch.no_grad()
def draw_mixture(net, n, temperature, seed=0, max_len=600):
    """Strokes of `n` drawings, none of those that are not finished after `max_len` points. The temperature acts on weights, variances and
    pen states, as in sketch-rnn; each point is moved to the grid"""
    gen,at,x,state,path = torch.Generator().manual_seed(seed),torch.full((n,2), 32.),torch.tensor([0.,0.,-1.]).repeat(n, 1),None,[]
    begin,new,ended = at,torch.ones(n, dtype=torch.bool),torch.zeros(n, dtype=torch.bool)
    while len(path)<max_len and not ended.all():
        o,pen,state = net(x[:,None], state)
        to  = (at+_offset(o[:,0], temperature, gen)/net.scale).round().clamp(0, 63)            # (n, 2)
        pen = torch.multinomial((pen[:,0]/temperature).softmax(-1), 1, generator=gen)          # (n, 1)
        x   = torch.cat([to-at, pen], 1)
        path.append(torch.cat([to, pen], 1))
        begin  = torch.where(new[:,None], to, begin)                               # where the stroke began: the pen is there again when it closes
        at     = torch.where((pen==2)|(pen==4), begin, to)
        new    = pen[:,0]>0
        ended |= pen[:,0]>2
    return [strokes_of(p) for p in torch.stack(path, 1).int().numpy()]

def _offset(o, temperature, gen):
    "An offset for each row, in units, shape (n, 2)"
    w,*rest = o.chunk(6, -1)
    k = torch.multinomial((w/temperature).softmax(-1), 1, generator=gen)           # (n, 1): which of the Gaussians
    mx,my,sx,sy,r = [c.gather(1, k) for c in rest]
    a,b = (torch.randn(2, len(o), 1, generator=gen)*temperature**.5)
    r = .99*r.tanh()
    return torch.cat([mx+sx.exp()*a, my+sy.exp()*(r*a+(1-r*r).sqrt()*b)], 1)

def strokes_of(points):
    "Points and pen states, shape (n, 3), as strokes"
    ends,res,last = np.flatnonzero(points[:,2]>2),[],0
    if not len(ends): return []
    for i in np.flatnonzero(points[:ends[0]+1,2]):
        s = points[last:i+1,:2]
        res.append(np.r_[s,s[:1]] if points[i,2] in (2,4) else s)
        last = i+1
    return res
